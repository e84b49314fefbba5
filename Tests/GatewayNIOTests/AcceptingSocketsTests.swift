import Foundation
import GatewayConfig
import NIOCore
import SocketTransport
import Testing

@testable import GatewayNIO

/// With real sockets.
@Suite("Accepting on listening sockets", .timeLimit(.minutes(2)))
final class AcceptingSocketsTests {
    private let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-accepting-\(UUID().uuidString).sock").path

    deinit { unlink(path) }

    private func accept(on descriptors: ListeningDescriptors) async throws -> AcceptingSockets {
        try await AcceptingSockets.accept(
            on: descriptors, loops: SocketEventLoopGroup.shared.loops, shortage: { _ in }, initializer: { _ in })
    }

    private func connects(_ address: Address) throws -> Bool {
        let target =
            switch address {
            case .unix(let path): try SocketAddress(unixDomainSocketPath: path)
            case .tcp(let host, let port): try SocketAddress(ipAddress: host, port: port)
            }
        guard let descriptor = try? ListeningDescriptorsTests.connect(to: target) else { return false }
        SocketCall.close([descriptor])
        return true
    }

    @Test("once stopped nobody gets through, and the file of a unix socket is gone", arguments: [true, false])
    func stops(isUnix: Bool) async throws {
        let address: Address = isUnix ? .unix(path: path) : .tcp(host: "127.0.0.1", port: 0)
        let sockets = try await accept(on: .open(address, count: 3, backlog: 8))
        #expect(try connects(sockets.boundAddress))
        await sockets.stop()
        #expect(try !connects(sockets.boundAddress))
        #expect(ListeningDescriptorsTests.mode(path) == nil)
        await sockets.stop()
    }

    @Test("the file stays when a successor listens on it, and so does whoever waits")
    func leaves() async throws {
        let sockets = try await accept(on: .open(.unix(path: path), count: 1, backlog: 8))
        let successor = try ListeningDescriptors(
            adopting: sockets.descriptors.duplicates(), address: .unix(path: path), ownsFile: false)
        await sockets.stop(leavesFile: true)
        #expect(try connects(.unix(path: path)))
        successor.takeFile()
        successor.close()
        #expect(ListeningDescriptorsTests.mode(path) == nil)
    }
}
