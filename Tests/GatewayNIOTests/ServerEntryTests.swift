import GatewayConfig
import Logging
import NIOCore
import Testing

@testable import GatewayNIO
@testable import GatewayPolicy

@Suite("The servers of one entry, as lookups find them")
final class ServerEntryTests {
    private let log = LogLines()
    private let upstream: LiveUpstream
    private static let name = Address.tcp(host: "server.test", port: 9001)

    init() {
        let log = log
        upstream = LiveUpstream(name: "chat", logger: Logger(label: "test") { _ in log })
    }

    static func found(_ addresses: String...) throws -> [SocketAddress] {
        try addresses.map { try SocketAddress(ipAddress: $0, port: 9001) }
    }

    private func called(_ entry: ServerEntry) -> [String] { entry.servers.map { $0.address.description } }

    @Test("one server is called as it is configured, several by their addresses")
    func called() throws {
        let entry = upstream.entry(Self.name)
        #expect(entry.isName)
        let placeholder = try #require(entry.servers.first)
        #expect(called(entry) == ["server.test:9001"])
        entry.finish(.success(try Self.found("::1", "10.0.0.1")))
        #expect(called(entry) == ["server.test:9001"])
        #expect(entry.servers.first === placeholder)
        #expect(placeholder.addresses.all.count == 2)
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.2", "::1")))
        #expect(called(entry) == ["10.0.0.1:9001", "10.0.0.2:9001"])
        #expect(entry.servers.first === placeholder)
        #expect(placeholder.configured == Self.name)
        entry.finish(.success(try Self.found("2001:db8::1", "2001:db8::2")))
        #expect(called(entry) == ["[2001:db8::1]:9001", "[2001:db8::2]:9001"])
        // The name is nobody's meanwhile.
        #expect(placeholder.address.description == "10.0.0.1:9001")
    }

    @Test("an address is one server, which no lookup changes", arguments: ["10.0.0.1", "2001:DB8::1"])
    func literal(host: String) throws {
        let address = Address.tcp(host: host, port: 9001)
        let entry = upstream.entry(address)
        #expect(!entry.isName)
        #expect(entry.servers.map(\.address) == [address])
        let expected = try SocketAddress(ipAddress: host, port: 9001)
        #expect(entry.servers[0].addresses.all == [expected])
        #expect(upstream.entry(.unix(path: "/run/a.sock")).servers[0].addresses.all.count == 1)
    }

    @Test("those that leave are known as long as somebody uses them, and are the same when they come back")
    func comeAndGo() throws {
        let entry = upstream.entry(Self.name)
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.2")))
        var second: LiveServer? = entry.servers[1]
        _ = second?.record.setDrained(true)
        let version = upstream.membershipVersion
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.3")))
        #expect(upstream.membershipVersion != version)
        #expect(second?.hasLeft == true)
        #expect(second?.entry == nil)
        #expect(called(entry) == ["10.0.0.1:9001", "10.0.0.3:9001"])
        #expect(upstream.liveServers.count == 3)
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.2", "10.0.0.3")))
        #expect(entry.servers[2] === second)
        #expect(second?.hasLeft == false)
        #expect(entry.servers[2].record.isDrained)
        second = nil
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.3")))
        #expect(upstream.liveServers.count == 2)
        #expect(
            log.texts == [
                "info server joined", "info server left", "info server joined", "info server left",
            ])
    }

    @Test("a lookup that finds the same, or fails, changes nothing")
    func nothingNew() throws {
        let entry = upstream.entry(Self.name)
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.2")))
        let servers = entry.servers
        let version = upstream.membershipVersion
        entry.finish(.success(try Self.found("10.0.0.2", "10.0.0.1")))
        entry.finish(.failure(NameLookupError(description: "no")))
        #expect(upstream.membershipVersion == version)
        #expect(zip(entry.servers, servers).allSatisfy { $0 === $1 })
        #expect(log.texts == ["warning name lookup failed"])
    }

    @Test("a slow start begins for those that join, not for those that the first lookup finds")
    func slowStart() throws {
        func isFresh(_ server: LiveServer) -> Bool {
            server.record.read().freshSince != nil
        }
        let entry = upstream.entry(Self.name)
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.2")))
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.2", "10.0.0.3")))
        #expect(entry.servers.map(isFresh) == [false, false, true])
        // A reload brings the entry in, and its name is not known yet.
        let later = upstream.entry(.tcp(host: "later.test", port: 9001))
        later.joined(now: .now())
        later.finish(.success(try Self.found("10.0.1.1", "10.0.1.2")))
        #expect(later.servers.map(isFresh) == [true, true])
    }

    @Test("all that a name stands for are drained, those that come later too")
    func drained() throws {
        let entry = upstream.entry(Self.name)
        entry.setDrained(true)
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.2")))
        #expect(entry.servers.allSatisfy { $0.record.isDrained })
        entry.setDrained(false)
        entry.finish(.success(try Self.found("10.0.0.1", "10.0.0.2", "10.0.0.3")))
        #expect(entry.servers.map(\.record.isDrained) == [true, true, false])
    }

    @Test("an entry that is gone for a while finds the servers again that are used")
    func comesBack() throws {
        var entry: ServerEntry? = upstream.entry(Self.name)
        entry?.finish(.success(try Self.found("10.0.0.1", "10.0.0.2", "10.0.0.3")))
        let kept = entry?.servers[1]
        let left = entry?.servers[2]
        entry?.finish(.success(try Self.found("10.0.0.1", "10.0.0.2")))
        entry = nil
        #expect(kept?.entry == nil)
        let again = upstream.entry(Self.name)
        #expect(again.servers.count == 1)
        #expect(again.servers[0] === kept)
        again.finish(.success(try Self.found("10.0.0.1", "10.0.0.2", "10.0.0.3")))
        #expect(again.servers.contains { $0 === kept })
        #expect(again.servers.contains { $0 === left })
    }

    // MARK: The other family

    private func dual() throws -> ServerEntry {
        let entry = upstream.entry(Self.name)
        entry.finish(.success(try Self.found("::1", "::2", "::3", "::4", "10.0.0.1", "10.0.0.2")))
        return entry
    }

    @Test("others are tried while nobody is known to be reachable: a few servers, then the other family")
    func probes() throws {
        let entry = try dual()
        let standby = try Self.found("10.0.0.1", "10.0.0.2")
        let addresses = entry.probes(for: entry.servers[0]).addresses
        #expect(addresses.count == FamilyProbes.othersLimit + standby.count)
        #expect(Array(addresses.suffix(2)) == standby)
        #expect(!addresses.contains(try Self.found("::1")[0]))
        for server in entry.servers[1...] { server.record.failed(isUnreachable: true, now: .now(), jitter: 1) }
        #expect(entry.probes(for: entry.servers[0]).addresses == standby)
        _ = entry.servers[3].record.looked(isReachable: true, now: .now(), jitter: 1)
        #expect(entry.probes(for: entry.servers[0]).addresses.isEmpty)
        // Those of a name with one of each family race by themselves.
        let single = upstream.entry(.tcp(host: "localhost", port: 9001))
        single.finish(.success(try Self.found("::1", "127.0.0.1")))
        #expect(single.probes(for: single.servers[0]).addresses.isEmpty)
    }

    @Test("the first one that is reached says which family it is")
    func findings() throws {
        let entry = try dual()
        var probes = entry.probes(for: entry.servers[0])
        guard case .sameFamily(let other) = probes.found(0) else {
            Issue.record("expected a server of the same family")
            return
        }
        #expect(other.addresses.all.first?.protocol == .inet6)
        #expect(other !== entry.servers[0])
        #expect(probes.isSettled)
        guard case .nothing = probes.found(2) else {
            Issue.record("expected nothing new")
            return
        }
        probes = entry.probes(for: entry.servers[0])
        guard case .otherFamily(let address) = probes.found(3) else {
            Issue.record("expected an address of the other family")
            return
        }
        #expect(address == (try Self.found("10.0.0.2")[0]))
    }

    @Test("the family that leads to servers takes over")
    func takesOver() throws {
        let entry = try dual()
        let before = entry.servers
        let version = upstream.membershipVersion
        entry.use(familyOf: try Self.found("10.0.0.2")[0])
        #expect(called(entry) == ["10.0.0.1:9001", "10.0.0.2:9001"])
        #expect(before.allSatisfy { $0.hasLeft })
        #expect(entry.servers.map(\.record.isKnownReachable) == [false, true])
        #expect(upstream.membershipVersion != version)
        #expect(log.texts == ["notice address family changed"])
        entry.use(familyOf: try Self.found("10.0.0.1")[0])
        #expect(log.texts.count == 1)
    }
}
