public import NIOCore

/// The addresses of one server's name, in the order in which to try them: that which worked last first, those that failed
/// lately last, families in turn (RFC 8305 §4), otherwise as they were found.
public struct AddressOrder<Address: Hashable & Sendable>: Sendable {
    /// Most addresses of a name that are kept.
    public static var limit: Int { 32 }
    /// How long an address that failed comes behind the others.
    public static var rest: TimeAmount { .seconds(30) }

    private var addresses: [Address] = []
    private var latest: Address?
    private var restsUntil: [Address: NIODeadline] = [:]

    public init() {}

    public var isEmpty: Bool { addresses.isEmpty }

    /// What a lookup found takes the place of what was known; how those fared that stay is remembered.
    ///
    /// - Parameter found: in the order the system prefers them, each with whether it is IPv6.
    public mutating func update(_ found: [(address: Address, isIPv6: Bool)]) {
        var seen: Set<Address> = []
        let found = found.filter { seen.insert($0.address).inserted }
        guard let first = found.first else { return }
        var preferred = found.filter { $0.isIPv6 == first.isIPv6 }[...]
        var others = found.filter { $0.isIPv6 != first.isIPv6 }[...]
        addresses = []
        while addresses.count < Self.limit, !preferred.isEmpty || !others.isEmpty {
            if let next = preferred.popFirst() { addresses.append(next.address) }
            if let next = others.popFirst() { addresses.append(next.address) }
        }
        let kept = Set(addresses)
        restsUntil = restsUntil.filter { kept.contains($0.key) }
        if let known = latest, !kept.contains(known) { latest = nil }
    }

    public func order(now: NIODeadline) -> [Address] {
        guard addresses.count > 1 else { return addresses }
        let resting = addresses.filter { isResting($0, now: now) }
            .sorted { (restsUntil[$0] ?? now) < (restsUntil[$1] ?? now) }
        var ready = addresses.filter { !isResting($0, now: now) }
        if let latest, let place = ready.firstIndex(of: latest) {
            ready.remove(at: place)
            ready.insert(latest, at: 0)
        }
        return ready + resting
    }

    private func isResting(_ address: Address, now: NIODeadline) -> Bool {
        restsUntil[address].map { $0 > now } ?? false
    }

    /// A connection to the address came about.
    public mutating func worked(_ address: Address) {
        latest = address
        restsUntil[address] = nil
    }

    /// None did.
    public mutating func failed(_ address: Address, now: NIODeadline) {
        guard addresses.contains(address) else { return }
        restsUntil[address] = now + Self.rest
    }
}
