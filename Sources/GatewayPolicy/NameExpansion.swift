/// Which servers a name stands for, and what becomes of them when it is looked up again.
///
/// Each address is a server. IPv4 and IPv6 are two ways to the same servers, and nothing tells which addresses belong
/// together. So a name with no more than one of each is one server, with two addresses that race (RFC 8305). Of any other
/// name one family is in use, and its addresses are the servers; those of the other one are kept in ``standby``, for when
/// none of these can be reached (``use(familyOf:)``).
public struct NameExpansion<Address: Hashable & Sendable>: Sendable {
    /// Most servers that one name stands for. Those that are known already stay; of the rest the first are taken.
    public static var limit: Int { 256 }

    public struct Found: Hashable, Sendable {
        public var address: Address
        public var isIPv6: Bool

        public init(_ address: Address, isIPv6: Bool) {
            self.address = address
            self.isIPv6 = isIPv6
        }
    }

    /// One server.
    public struct Server: Equatable, Sendable {
        /// Unlike that of any other, before and after.
        public let id: Int
        /// One, or one of each family in the order the system prefers them; none: the name is not known yet.
        public fileprivate(set) var addresses: [Found]
    }

    /// Never empty: before the first lookup it is the name itself. Those that stay keep their place.
    public private(set) var servers: [Server]
    /// Addresses of the other family, which no server has.
    public private(set) var standby: [Address] = []

    private var found: [Found] = []
    /// nil: none, as one server has both.
    private var isIPv6InUse: Bool?
    /// Servers of the family in use were reached when those of the other one were not.
    private var isProven = false
    private var nextID = 1

    public init() {
        servers = [Server(id: 0, addresses: [])]
    }

    /// Takes over what a lookup found. Nothing found changes nothing.
    ///
    /// A server stays when it has an address in common with what is found. So does the only one when there is only one
    /// again: it has moved.
    ///
    /// - Parameter found: in the order the system prefers them.
    public mutating func update(_ found: [Found]) {
        var seen: Set<Address> = []
        let found = found.filter { seen.insert($0.address).inserted }
        guard !found.isEmpty else { return }
        self.found = found
        chooseFamily()
        rebuild()
    }

    /// The servers of the other family are reached, and none of these: theirs is in use from now on, as long as the name
    /// has any of them.
    ///
    /// - Returns: false when no address in ``standby`` is this one.
    public mutating func use(familyOf address: Address) -> Bool {
        guard standby.contains(address), let inUse = isIPv6InUse else { return false }
        isIPv6InUse = !inUse
        isProven = true
        rebuild()
        return true
    }

    /// The family with more addresses, on a tie the one that the system prefers. It stays, so that a lookup that comes in
    /// the middle of a change does not replace every server, unless the other one has more than twice as many.
    private mutating func chooseFamily() {
        let counts = (ipv4: found.count { !$0.isIPv6 }, ipv6: found.count { $0.isIPv6 })
        guard max(counts.ipv4, counts.ipv6) > 1 else {
            isIPv6InUse = nil
            isProven = false
            return
        }
        if let isIPv6InUse {
            let (own, other) = isIPv6InUse ? (counts.ipv6, counts.ipv4) : (counts.ipv4, counts.ipv6)
            if own > 0, isProven || other <= 2 * own { return }
        }
        isIPv6InUse = counts.ipv4 == counts.ipv6 ? found[0].isIPv6 : counts.ipv6 > counts.ipv4
        isProven = false
    }

    private mutating func rebuild() {
        guard let isIPv6InUse else {
            standby = []
            return follow([found])
        }
        standby = found.filter { $0.isIPv6 != isIPv6InUse }.map(\.address)
        follow(found.filter { $0.isIPv6 == isIPv6InUse }.map { [$0] })
    }

    /// - Parameter groups: the addresses of each server.
    private mutating func follow(_ groups: [[Found]]) {
        if groups.count == 1, servers.count == 1 {
            servers[0].addresses = groups[0]
            return
        }
        var left = groups
        var next: [Server] = []
        for server in servers {
            let known = Set(server.addresses)
            guard let place = left.firstIndex(where: { !known.isDisjoint(with: $0) }) else { continue }
            next.append(Server(id: server.id, addresses: left.remove(at: place)))
        }
        for addresses in left.prefix(max(0, Self.limit - next.count)) {
            next.append(Server(id: nextID, addresses: addresses))
            nextID += 1
        }
        servers = next
    }
}
