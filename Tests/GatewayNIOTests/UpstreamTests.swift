import GatewayConfig
import GatewayPolicy
import NIOCore
import Testing

@testable import GatewayNIO

@Suite("The servers of an upstream")
final class UpstreamTests {
    private let process = ProcessState.forTests()

    private func upstream(_ servers: String, _ settings: String = "", after previous: Upstream? = nil) throws
        -> Upstream
    {
        let configuration = try configuration(
            """
            listeners: [{ name: a, address: "127.0.0.1:0" }]
            routes: [{ name: a, upstream: a }]
            upstreams: [{ name: a, servers: [\(servers)]\(settings) }]
            """)
        return try Upstream(
            try #require(configuration.upstreams.first), live: process.upstream("a"), previous: previous)
    }

    private func lookUp(_ upstream: Upstream, entry: Int = 0, _ addresses: [String]) throws {
        upstream.entries[entry].finish(
            .success(try addresses.map { try SocketAddress(ipAddress: $0, port: 9001) }))
    }

    private func called(_ upstream: Upstream) -> [String] { upstream.allServers.map { $0.address.description } }

    /// Where so many connections go, by what the servers are called.
    private func picks(_ upstream: Upstream, _ count: Int) throws -> [String: Int] {
        let choices = try (0..<count).map { _ in try upstream.pick(now: .now()).get() }
        return Dictionary(choices.map { ($0.server.address.description, 1) }, uniquingKeysWith: +)
    }

    @Test("each server that a name stands for has the settings of its entry")
    func settings() throws {
        let upstream = try upstream(
            #"{ address: "a.test:9001", weight: 3, max_connections: 6 }, { address: "b.test:9001", weight: 2 }"#)
        try lookUp(upstream, ["10.0.0.1", "10.0.0.2"])
        #expect(called(upstream) == ["10.0.0.1:9001", "10.0.0.2:9001", "b.test:9001"])
        #expect(upstream.servers.members.map(\.configuration.weight) == [3, 3, 2])
        let choices = try (0..<16).map { _ in try upstream.pick(now: .now()).get() }
        #expect(choices.count { $0.server.address.description == "b.test:9001" } == 4)
        #expect(upstream.allServers.prefix(2).map { $0.record.snapshot(now: .now()).active } == [6, 6])
    }

    @Test("choices follow lookups, also those of a generation that is not in force any more")
    func follows() throws {
        let old = try upstream(#"{ address: "a.test:9001" }"#)
        let new = try upstream(#"{ address: "a.test:9001" }, { address: "10.0.0.9:9001" }"#, after: old)
        try lookUp(old, ["10.0.0.1", "10.0.0.2"])
        #expect(try picks(old, 4) == ["10.0.0.1:9001": 2, "10.0.0.2:9001": 2])
        try lookUp(new, ["10.0.0.2", "10.0.0.3"])
        #expect(try Set(picks(old, 4).keys) == ["10.0.0.2:9001", "10.0.0.3:9001"])
        #expect(called(new) == ["10.0.0.2:9001", "10.0.0.3:9001", "10.0.0.9:9001"])
        #expect(new.newEntries.map(\.address.description) == ["10.0.0.9:9001"])
        #expect(old.allServers[0] === new.allServers[0])
    }

    @Test(
        "an address that is there already is not one more server",
        arguments: [
            (#""10.0.0.2:9001", "a.test:9001""#, ["10.0.0.2:9001", "10.0.0.1:9001"]),
            (#""a.test:9001", "10.0.0.2:9001""#, ["10.0.0.1:9001", "10.0.0.2:9001"]),
            (#""a.test:9001", "[2001:db8::1]:9001""#, ["10.0.0.1:9001", "10.0.0.2:9001", "[2001:db8::1]:9001"]),
        ])
    func overlaps(addresses: String, expected: [String]) throws {
        let upstream = try upstream(
            addresses.split(separator: ", ").map { "{ address: \($0) }" }.joined(separator: ", "))
        let entry = try #require(upstream.entries.firstIndex { $0.isName })
        try lookUp(upstream, entry: entry, ["10.0.0.1", "10.0.0.2"])
        #expect(called(upstream) == expected)
    }

    @Test("two names that have an address in common")
    func names() throws {
        let upstream = try upstream(#"{ address: "a.test:9001" }, { address: "b.test:9001" }"#)
        try lookUp(upstream, entry: 0, ["10.0.0.1", "10.0.0.2"])
        try lookUp(upstream, entry: 1, ["10.0.0.2", "10.0.0.3"])
        #expect(called(upstream) == ["10.0.0.1:9001", "10.0.0.2:9001", "10.0.0.3:9001"])
    }

    @Test("servers are found by what they are called, and all of a name by that")
    func foundByName() throws {
        let upstream = try upstream(#"{ address: "a.test:9001" }, { address: "10.0.0.9:9001" }"#)
        try lookUp(upstream, ["10.0.0.1", "10.0.0.2"])
        let left = upstream.allServers[1]
        try lookUp(upstream, ["10.0.0.1", "10.0.0.3"])
        func called(_ name: String) -> Set<String> {
            Set(upstream.servers(called: name).servers.map(\.address.description))
        }
        #expect(called("10.0.0.3:9001") == ["10.0.0.3:9001"])
        #expect(upstream.servers(called: "10.0.0.3:9001").entry == nil)
        #expect(called("a.test:9001") == ["10.0.0.1:9001", "10.0.0.2:9001", "10.0.0.3:9001"])
        #expect(upstream.servers(called: "a.test:9001").entry === upstream.entries[0])
        #expect(called("10.0.0.9:9001") == ["10.0.0.9:9001"])
        #expect(called("b.test:9001").isEmpty)
        #expect(upstream.configuration(of: left) == nil)
        #expect(upstream.configuration(of: upstream.allServers[0])?.address.description == "10.0.0.1:9001")
    }

    @Test("cookies and keys go by the addresses")
    func affinity() throws {
        let upstream = try upstream(
            #"{ address: "a.test:9001" }"#, ", balance: { hash: { on: path } }, sticky: { cookie: at, secret: s }")
        try lookUp(upstream, ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        let listed = try self.upstream(
            ["3", "1", "2"].map { "{ address: \"10.0.0.\($0):9001\" }" }.joined(separator: ", "),
            ", balance: { hash: { on: path } }, sticky: { cookie: at, secret: s }")
        for key in 0..<20 as Range<UInt64> {
            let one = try upstream.pick(key: key &* 0x9E37_79B9_7F4A_7C15, now: .now()).get().server.address
            let other = try listed.pick(key: key &* 0x9E37_79B9_7F4A_7C15, now: .now()).get().server.address
            #expect(one == other)
        }
        for server in upstream.allServers {
            let field = upstream.sticky?.field(for: server.address, known: nil, isTLS: false)
            #expect(field != nil)
            #expect(field == listed.sticky?.field(for: server.address, known: nil, isTLS: false))
        }
    }
}
