import Foundation
import GatewayConfig
import GatewayTelemetry
import NIOCore
import Testing

@testable import GatewayNIO
@testable import SocketTransport

@Suite("Connecting to a server", .timeLimit(.minutes(1)))
struct ServerConnectorTests {
    /// Calls of the system whose writes find that the peer has reset the connection.
    private final class BrokenWrites: SocketCalls {
        override func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer, isSocket: Bool) -> Int {
            errno = ECONNRESET
            return -1
        }
    }

    @Test(
        "a connection that its first bytes break is none: nobody is set up on what would tell nothing more",
        arguments: ["proxy_protocol: v1", "tls: { verify: false }"])
    func broken(setting: String) async throws {
        let listening = try ListeningDescriptors.open(.tcp(host: "127.0.0.1", port: 0), count: 1, backlog: 8)
        defer { listening.close() }
        let configuration = try configuration(
            """
            listeners: [{ name: a, address: "127.0.0.1:0" }]
            routes: [{ name: a, upstream: a }]
            upstreams: [{ name: a, servers: [{ address: "\(listening.boundAddress)" }], \(setting) }]
            """)
        let upstream = try Upstream(
            try #require(configuration.upstreams.first), live: ProcessState.forTests().upstream("a"), previous: nil)
        let server = try #require(upstream.allServers.first)
        let loop = try SocketEventLoop(calls: BrokenWrites())
        try loop.start(named: "test")
        let setUps = Count()
        await #expect(throws: IOError.self) {
            try await loop.flatSubmit {
                ServerConnector(
                    server: server, transport: upstream.transport, timeout: .seconds(10), eventLoop: loop,
                    protocols: [.http1], setUp: .channel { _ in setUps.add() }
                ).connect().map { _ in }
            }.get()
        }
        #expect(setUps.value == 0)
        #expect(server.connections.value == 0)
        await withCheckedContinuation { done in loop.end { done.resume() } }
    }
}
