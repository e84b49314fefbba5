import GatewayConfig
import GatewayPolicy
import NIOCore
import Synchronization

/// One upstream as a generation has it: whom to choose, and how to speak to them. The servers themselves outlive it, and
/// come and go with lookups of their names.
final class Upstream: Sendable {
    let configuration: UpstreamConfiguration
    let live: LiveUpstream
    let transport: UpstreamTransport
    private let selector: ServerSelector
    private let configured: [ConfiguredEntry]
    private let current: Mutex<UpstreamServers>
    /// Those that took no connections in the generation before, which had this upstream.
    let newEntries: [ServerEntry]

    /// What the configuration says of an entry, and whom it leads to.
    struct ConfiguredEntry {
        let configuration: ServerConfiguration
        let live: ServerEntry
    }

    /// - Throws: `TLSMaterialError` for an upstream's trust roots.
    init(_ configuration: UpstreamConfiguration, live: LiveUpstream, previous: Upstream?) throws {
        self.configuration = configuration
        self.live = live
        let configured = configuration.servers.map {
            ConfiguredEntry(configuration: $0, live: live.entry($0.address))
        }
        self.configured = configured
        let known = previous.map { previous in
            Set(previous.configuration.servers.filter { $0.state == .active }.map(\.address))
        }
        newEntries = configured.compactMap { entry in
            guard let known, entry.configuration.state == .active, !known.contains(entry.configuration.address)
            else { return nil }
            return entry.live
        }
        let servers = UpstreamServers(configured, of: configuration, version: live.membershipVersion)
        current = Mutex(servers)
        selector = ServerSelector(
            servers.members.map { ($0.configuration, $0.live.record) }, of: configuration,
            seed: UInt64.random(in: .min ... .max))
        transport = try UpstreamTransport.make(configuration, previous: previous?.transport)
    }

    /// The servers as lookups have them now. Any thread.
    private func upToDate(_ servers: inout UpstreamServers) {
        // Before it is known what has changed: what changes meanwhile is seen the next time.
        let version = live.membershipVersion
        guard version != servers.version else { return }
        servers = UpstreamServers(configured, of: configuration, version: version)
        selector.follow(servers.members.map { ($0.configuration, $0.live.record) })
    }

    var servers: UpstreamServers {
        current.withLock { servers in
            upToDate(&servers)
            return servers
        }
    }

    /// A server, and a place on it.
    struct Choice {
        let server: LiveServer
        let permit: ServerPermit
    }

    /// The server for the next connection: ``ServerSelector/pick(excluding:preferring:key:now:)``.
    func pick(
        excluding: Set<Address> = [], preferring preferred: Address? = nil, key: UInt64 = 0, now: NIODeadline
    ) -> Result<Choice, SelectionFailure> {
        current.withLock { servers in
            upToDate(&servers)
            return selector.pick(excluding: excluding, preferring: preferred, key: key, now: now).flatMap { permit in
                // Servers are picked from these alone.
                guard let server = servers[permit.server] else { return .failure(.noneLeft) }
                return .success(Choice(server: server, permit: permit))
            }
        }
    }

    /// As ``pick(excluding:preferring:key:now:)`` for a request that has tried no server yet; who finds all servers full
    /// waits in the route's queue: ``ServerSelector/place(for:preferring:key:in:clock:tell:)``.
    func place(
        for route: RouteConfiguration, preferring preferred: Address?, key: UInt64,
        tell: @escaping ServerSelector.Lines.Tell
    ) -> ServerSelector.Lines.Entry {
        current.withLock { upToDate(&$0) }
        return selector.place(
            for: route, preferring: preferred, key: key, in: live.lines, clock: { .now() }, tell: tell)
    }

    /// nil: clients don't come back to the server they had.
    var sticky: StickyCookie? { servers.sticky }

    var entries: [ServerEntry] { configured.map(\.live) }

    var allServers: [LiveServer] { servers.members.map(\.live) }

    /// By what it is called; nil: the upstream has none such.
    func server(_ address: Address) -> LiveServer? {
        servers.members.first { $0.configuration.address == address }?.live
    }

    /// nil: no connections are made to it any more.
    func configuration(of server: LiveServer) -> ServerConfiguration? { servers.configuration(of: server) }

    /// Those of which somebody says this name, as they are called or as they are configured, those that have left too;
    /// and the entry when it means all that it leads to.
    func servers(called name: String) -> (servers: [LiveServer], entry: ServerEntry?) {
        let entry = configured.first { $0.configuration.address.description == name }?.live
        let own = Set(configuration.servers.map(\.address))
        let servers = live.liveServers.filter { server in
            own.contains(server.configured)
                && (server.address.description == name || server.configured.description == name)
        }
        return (servers, entry)
    }

    /// Whether a server is to be asked over HTTP/2 now.
    func usesHTTP2(_ server: LiveServer, forWebSocket: Bool, now: NIODeadline) -> Bool {
        switch configuration.protocol {
        case .http1: false
        case .http2: true
        case .auto: server.mayHaveHTTP2(forWebSocket: forWebSocket, now: now)
        }
    }
}

/// The servers of an upstream at one moment.
struct UpstreamServers {
    struct Member {
        /// As its entry has it, with what this one is called as the address.
        let configuration: ServerConfiguration
        let live: LiveServer
    }

    let version: Int
    let members: [Member]
    let sticky: StickyCookie?
    private let byRecord: [ObjectIdentifier: Int]

    /// An address that stands in the configuration by itself, or that an earlier name stands for, is not one more server.
    init(_ entries: [Upstream.ConfiguredEntry], of upstream: UpstreamConfiguration, version: Int) {
        self.version = version
        var taken = Set(entries.filter { !$0.live.isName }.flatMap { $0.live.servers.flatMap(\.addresses.all) })
        members = entries.flatMap { entry -> [Member] in
            let servers = entry.live.servers
            return servers.compactMap { live -> Member? in
                // Before the first lookup there is none.
                let isAnother = live.addresses.all.allSatisfy { taken.insert($0).inserted }
                guard isAnother || servers.count == 1 else { return nil }
                var configuration = entry.configuration
                configuration.address = live.address
                return Member(configuration: configuration, live: live)
            }
        }
        sticky = StickyCookie(upstream, servers: members.map(\.configuration.address))
        byRecord = Dictionary(
            members.enumerated().map { (ObjectIdentifier($1.live.record), $0) }, uniquingKeysWith: { first, _ in first }
        )
    }

    /// nil: it is none of these.
    subscript(record: ServerRecord) -> LiveServer? { byRecord[ObjectIdentifier(record)].map { members[$0].live } }

    /// nil: it is none of these.
    func configuration(of server: LiveServer) -> ServerConfiguration? {
        byRecord[ObjectIdentifier(server.record)].map { members[$0].configuration }
    }
}
