import Foundation
import GatewayConfig
import GatewayPolicy
import GatewayTelemetry
import NIOCore
import PerMessageDeflate
import Testing

@testable import GatewayNIO

@Suite("A configuration, compiled")
final class GenerationTests {
    private let process = ProcessState.forTests()
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-generation-\(UUID().uuidString)")
    private let tls: CertificateFiles

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        tls = try SelfSigned.write("site", names: ["localhost"], in: directory)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private var text: String {
        """
        listeners:
          - { name: public, address: "127.0.0.1:0" }
          - name: tls
            address: "127.0.0.1:0"
            tls: { certificates: [{ certificate: "\(tls.certificate)", private_key: "\(tls.privateKey)" }] }
        limits: { compression_memory: 7MiB }
        routes:
          - { name: chat, match: { path_prefix: /chat }, upstream: chat, max_connections: 9 }
          - { name: page, match: { path: /page }, respond: { status: 200, body: hello } }
          - { name: blue, match: { path: /page, hosts: [blue.example] }, upstream: other }
        upstreams:
          - { name: chat, servers: [{ address: "127.0.0.1:1" }, { address: "127.0.0.1:2" }] }
          - { name: other, servers: [{ address: "127.0.0.1:1" }], tls: { ca: "\(tls.certificate)" } }
        """
    }

    /// `text` with the first text of each pair replaced by the second.
    private func generation(
        _ replacements: (String, String)..., after previous: Generation? = nil
    ) throws -> Generation {
        var text = text
        for (old, new) in replacements {
            try #require(text.contains(old), "nothing to replace: \(old)")
            text = text.replacing(old, with: new)
        }
        return try Generation(configuration(text), process: process, previous: previous)
    }

    private func request(_ path: String, host: String = "a.example") throws -> RoutedRequest {
        RoutedRequest(host: try #require(Authority(host)), target: try RequestTarget(path), listener: "public")
    }

    private func route(_ path: String, of generation: Generation) throws -> Generation.Route {
        try #require(try generation.route(for: request(path)))
    }

    @Test(
        "a request gets the route that the table finds, and what belongs to it",
        arguments: [
            ("/chat/room", "a.example"), ("/page", "a.example"), ("/page", "blue.example"), ("/", "a.example"),
        ])
    func routes(path: String, host: String) throws {
        let generation = try generation()
        let table = RouteTable(routes: generation.configuration.routes)
        let request = try request(path, host: host)
        let expected = try table.match(request).map { table.routes[$0] }
        let found = try generation.route(for: request)
        #expect(found?.configuration == expected)
        #expect(found?.live.name == expected?.name)
        guard let found else { return }
        switch found.configuration.action {
        case .upstream(let name):
            #expect(found.upstream?.live.name == name)
            #expect(found.fixedBody == nil)
        default:
            #expect(found.upstream == nil)
            #expect(found.fixedBody.map { String(buffer: $0) } == "hello")
        }
    }

    @Test("what both name lives on: routes and upstreams by name, servers by address in their upstream")
    func liveThings() throws {
        let old = try generation()
        let new = try generation(
            ("path_prefix: /chat }", "path_prefix: /talk }"), ("max_connections: 9", "max_connections: 10"),
            ("127.0.0.1:2", "127.0.0.1:3"), after: old)
        #expect(try route("/chat", of: old).live === route("/talk", of: new).live)
        let (before, after) = (try #require(old.upstreams["chat"]), try #require(new.upstreams["chat"]))
        #expect(before !== after)
        #expect(before.live === after.live)
        #expect(before.allServers.first === after.allServers.first)
        #expect(before.allServers.last !== after.allServers.last)
        // The same address is another server in another upstream.
        #expect(before.allServers.first !== old.upstreams["other"]?.allServers.first)
        #expect(process.upstream("chat").liveServers.count == 3)
    }

    @Test("what has another name is new")
    func otherNames() throws {
        let old = try generation()
        let new = try generation(
            ("name: chat, match", "name: talk, match"), ("upstream: chat", "upstream: spare"),
            ("name: chat, servers", "name: spare, servers"), after: old)
        #expect(try route("/chat", of: old).live !== route("/chat", of: new).live)
        #expect(new.upstreams["chat"] == nil)
        #expect(old.upstreams["chat"]?.live !== new.upstreams["spare"]?.live)
        #expect(old.upstreams["chat"]?.allServers.first !== new.upstreams["spare"]?.allServers.first)
    }

    @Test(
        "how servers are spoken to is taken over unless something in it changes",
        arguments: [
            ("name: other, servers", "name: other, connect_timeout: 3s, servers", true),
            ("\"127.0.0.1:1\" }], tls", "\"127.0.0.1:7\", weight: 3 }], tls", true),
            ("name: other, servers", "name: other, protocol: h2, servers", false),
            ("name: other, servers", "name: other, h2: { max_streams: 5 }, servers", false),
            ("tls: { ca:", "tls: { server_name: a.example, ca:", false),
        ])
    func transport(old: String, new: String, isTakenOver: Bool) throws {
        let first = try generation()
        let second = try generation((old, new), after: first)
        #expect((first.upstreams["other"]?.transport === second.upstreams["other"]?.transport) == isTakenOver)
        // The other one has nothing to do with it.
        #expect(first.upstreams["chat"]?.transport === second.upstreams["chat"]?.transport)
    }

    @Test("nor when the file of trusted authorities is another one, and it is refused when it can't be used")
    func authorities() throws {
        let first = try generation()
        _ = try SelfSigned.write("site", names: ["localhost"], in: directory)
        let second = try generation(after: first)
        #expect(first.upstreams["other"]?.transport !== second.upstreams["other"]?.transport)
        #expect(try generation(after: second).upstreams["other"]?.transport === second.upstreams["other"]?.transport)
        let ca = directory.appendingPathComponent("ca.pem")
        try Data("no certificate".utf8).write(to: ca)
        let error = #expect(throws: TLSMaterialError.self) {
            try self.generation(("ca: \"\(self.tls.certificate)\"", "ca: \"\(ca.path)\""), after: second)
        }
        #expect(error?.place == "upstream other")
    }

    @Test("a listener's certificates are taken over with their settings, and read again when their files have changed")
    func certificates() throws {
        let first = try generation()
        let same = try generation(("max_connections: 9", "max_connections: 10"), after: first)
        #expect(first.listener("tls")?.tls != nil)
        #expect(first.listener("tls")?.tls === same.listener("tls")?.tls)
        #expect(first.listener("public")?.tls == nil)
        let other = try generation(("name: tls\n", "name: tls\n    protocols: [http/1.1]\n"), after: same)
        #expect(same.listener("tls")?.tls !== other.listener("tls")?.tls)
        #expect(first.allListeners.map(\.configuration.name) == ["public", "tls"])

        try Data("no key".utf8).write(to: URL(fileURLWithPath: tls.privateKey))
        let error = #expect(throws: TLSMaterialError.self) { try self.generation(after: same) }
        #expect(error?.place == "listener tls")
    }

    @Test("what live things go by changes when the generation comes into force, and not before")
    func comesIntoForce() throws {
        let generation = try generation()
        let limit = ProcessLimits().compressionMemory
        let counters = try route("/chat", of: generation).live.counters
        #expect(process.compressionMemory.limit == limit)
        #expect(counters.maxConnections.value == 0)
        generation.comeIntoForce(in: process)
        #expect(process.compressionMemory.limit == 7 * 1024 * 1024)
        #expect(counters.maxConnections.value == 9)
    }

    @Test("a route's counters go with the last generation or session that knows it, and its servers likewise")
    func counters() throws {
        var old: Generation? = try generation()
        #expect(process.countedRoutes == ["blue", "chat", "page"])
        // As a session keeps them.
        var route: LiveRoute? = try self.route("/chat", of: #require(old)).live
        var server: LiveServer? = old?.upstreams["chat"]?.allServers.first
        let new = try generation(
            ("name: chat, match", "name: talk, match"), ("upstream: chat", "upstream: spare"),
            ("name: chat, servers", "name: spare, servers"), after: old)
        #expect(process.countedRoutes == ["blue", "chat", "page", "talk"])
        old = nil
        #expect(process.countedRoutes == ["blue", "chat", "page", "talk"])
        #expect(process.liveUpstreams.map(\.name).sorted() == ["chat", "other", "spare"])
        #expect(process.upstream("chat").liveServers.map(\.address.description) == ["127.0.0.1:1"])
        #expect(route != nil && server != nil)
        route = nil
        server = nil
        #expect(process.countedRoutes == ["blue", "page", "talk"])
        #expect(process.liveUpstreams.map(\.name).sorted() == ["other", "spare"])
        #expect(new.upstreams.count == 2)
    }
}

extension Generation.Route {
    fileprivate var upstream: Upstream? {
        if case .upstream(let upstream) = destination { upstream } else { nil }
    }
}
