import Foundation
import GatewayConfig
import GatewayPolicy
import NIOCore
import SocketTransport
import Testing

@testable import GatewayNIO

/// With real sockets.
@Suite("Looks at servers that nobody connects to", .timeLimit(.minutes(2)))
final class UpkeepTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-upkeep-\(UUID().uuidString)")
    private let log = LogLines()
    private let process: ProcessState

    init() throws {
        process = ProcessState.forTests(log)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func address(_ name: String) -> Address { .unix(path: directory.appendingPathComponent(name).path) }

    private func listen(_ name: String) throws -> ListeningDescriptors {
        try ListeningDescriptors.open(address(name), count: 1, backlog: 64)
    }

    /// - Parameter servers: each with what else is said of it.
    private func generation(_ servers: (name: String, settings: String)...) throws -> Generation {
        let list = servers.map { "{ address: \"\(address($0.name))\"\($0.settings) }" }.joined(separator: ", ")
        return try Generation(
            configuration(
                """
                listeners: [{ name: a, address: "127.0.0.1:0" }]
                routes: [{ name: a, upstream: a }]
                upstreams: [{ name: a, servers: [\(list)] }]
                """), process: process)
    }

    private func keepUp(_ generation: Generation) -> Task<Void, Never> {
        let logger = process.logger
        return Task {
            await Upkeep(eventLoop: SocketEventLoopGroup.shared.any(), logger: logger).run { generation }
        }
    }

    private func record(_ name: String, of generation: Generation) throws -> LiveServer {
        try #require(generation.upstreams["a"]?.server(address(name)))
    }

    @Test("a server that does not listen is down, and up again when it does; each is said once")
    func downAndUp() async throws {
        let generation = try generation(("server", ""))
        let server = try record("server", of: generation)
        let upkeep = keepUp(generation)
        defer { upkeep.cancel() }
        try await eventually { server.record.isUnreachable }
        #expect(server.record.snapshot(now: .now()).healthy == false)
        // Nobody was refused by it.
        #expect(server.record.snapshot(now: .now()).failuresTotal == 0)
        #expect(server.record.snapshot(now: .now()).isResting)
        let descriptors = try listen("server")
        defer { descriptors.close() }
        try await eventually { !server.record.isUnreachable }
        #expect(server.record.snapshot(now: .now()).healthy)
        #expect(!server.record.snapshot(now: .now()).isResting)
        try await eventually { self.log.texts.count >= 2 }
        #expect(log.texts == ["warning server is down", "info server is up"])
    }

    @Test("one that the configuration has taken out is left alone; one that drains is not")
    func states() async throws {
        let sockets = [try listen("out"), try listen("drains"), try listen("in")]
        defer { for socket in sockets { socket.close() } }
        let copies = try sockets.map { try $0.duplicates()[0] }
        defer { SocketCall.close(copies) }
        let generation = try generation(("out", ", state: down"), ("drains", ", state: draining"), ("in", ""))
        let upkeep = keepUp(generation)
        defer { upkeep.cancel() }
        // The last one is looked at last.
        var count = 0
        try await eventually {
            count += ListeningDescriptorsTests.acceptAll(copies[2])
            return count > 0
        }
        #expect(ListeningDescriptorsTests.acceptAll(copies[1]) == 1)
        #expect(ListeningDescriptorsTests.acceptAll(copies[0]) == 0)
        #expect(log.texts.isEmpty)
    }
}
