import NIOCore

/// Attempts beside the one at a server whose name stands for several, by which it turns out whether the server or the
/// whole family of its address can't be reached.
struct FamilyProbes {
    /// Other servers of the family that are asked first. One that refuses says nothing of the rest.
    static let othersLimit = 2

    enum Finding {
        /// It is known already.
        case nothing
        /// The family leads to this server, so there is nothing wrong with it.
        case sameFamily(LiveServer)
        /// An address of the family that is not in use.
        case otherFamily(SocketAddress)
    }

    private var others: [(server: LiveServer, address: SocketAddress)] = []
    private var standby: [SocketAddress] = []
    /// Somebody was reached.
    private(set) var isSettled = false

    init() {}

    /// - Parameters:
    ///   - others: servers of the same family, which may be reachable.
    ///   - standby: the addresses of the other one.
    init(others: [LiveServer], standby: [SocketAddress]) {
        self.others = others.compactMap { server in server.addresses.all.first.map { (server, $0) } }
            .prefix(Self.othersLimit).map { $0 }
        self.standby = standby
    }

    /// In the order in which to try them.
    var addresses: [SocketAddress] { others.map(\.address) + standby }

    /// The address at this place of ``addresses`` connects.
    mutating func found(_ place: Int) -> Finding {
        guard !isSettled else { return .nothing }
        isSettled = true
        if place < others.count { return .sameFamily(others[place].server) }
        return .otherFamily(standby[place - others.count])
    }
}
