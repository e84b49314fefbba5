import Foundation
import NIOCore
import Testing

@testable import SocketTransport

@Suite("A try to connect")
struct ConnectionAttemptTests {
    private final class Outcome: @unchecked Sendable {
        var socket: StreamSocket?
        var error: (any Error)?
        var isDone: Bool { socket != nil || error != nil }
    }

    private let loop: DrivenLoop

    init() throws { loop = try DrivenLoop() }

    private func begin(
        to address: SocketAddress, from source: SocketAddress? = nil, timeout: TimeAmount = .seconds(20)
    ) -> (ConnectionAttempt, Outcome) {
        let attempt = ConnectionAttempt.begin(to: address, from: source, timeout: timeout, on: loop.loop)
        let outcome = Outcome()
        attempt.result.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let socket): outcome.socket = socket
            case .failure(let error): outcome.error = error
            }
        }
        return (attempt, outcome)
    }

    /// A listener whose queue is full, so that nobody gets through and nobody is refused.
    private func full() throws -> (Listener, [CInt]) {
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0), backlog: 0)
        let clients = try (0..<4).map { _ in
            let client = try SystemCall.check(
                socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0), "socket")
            _ = listener.address.withSockAddr { connect(client, $0, socklen_t($1)) }
            return client
        }
        return (listener, clients)
    }

    @Test("it connects over IPv4 and IPv6, without delay of small segments", arguments: ["127.0.0.1", "::1"])
    func connects(host: String) throws {
        let listener = try Listener(.init(ipAddress: host, port: 0))
        let (_, outcome) = begin(to: listener.address)
        loop.turns { outcome.isDone }
        let socket = try #require(outcome.socket)
        let peer = try RawPeer(accept(listener.descriptor, nil, nil))
        #expect(try SystemCall.option(socket.descriptor, level: CInt(IPPROTO_TCP), name: TCP_NODELAY) == 1)
        #expect(loop.loop.poller.count == 1)
        let diary = SocketDiary()
        socket.delegate = diary
        try socket.open()
        socket.read()
        peer.write("hello")
        loop.turns { diary.text == "hello" }
        socket.close()
    }

    @Test("it connects to a unix socket")
    func unix() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString).sock")
            .path
        defer { unlink(path) }
        let listener = try Listener(.init(unixDomainSocketPath: path))
        let (attempt, outcome) = begin(to: listener.address)
        loop.turns { outcome.isDone }
        #expect(outcome.socket?.isOpen == true)
        // Too late.
        attempt.cancel()
        #expect(outcome.socket?.isOpen == true)
    }

    @Test("a refusal is what the system says", arguments: [true, false])
    func refused(isUnix: Bool) throws {
        let address =
            try isUnix
            ? SocketAddress(unixDomainSocketPath: "/nonexistent/sluice.sock")
            : Listener(.init(ipAddress: "127.0.0.1", port: 0)).address
        let (_, outcome) = begin(to: address)
        loop.turns { outcome.isDone }
        #expect((outcome.error as? IOError)?.errnoCode == (isUnix ? ENOENT : ECONNREFUSED))
        #expect(loop.loop.poller.count == 1)
    }

    @Test("when the time is up it is given up")
    func timeout() throws {
        let (listener, clients) = try full()
        let (_, outcome) = begin(to: listener.address, timeout: .milliseconds(20))
        loop.turns { outcome.isDone }
        guard case .connectTimeout(.milliseconds(20)) = outcome.error as? ChannelError else {
            Issue.record("expected a timeout, got \(String(describing: outcome.error))")
            return
        }
        #expect(loop.loop.poller.count == 1)
        for client in clients { SystemCall.close(client) }
    }

    @Test("a cancelled one fails at once, and no later event matters")
    func cancel() throws {
        let (listener, clients) = try full()
        let (attempt, outcome) = begin(to: listener.address)
        attempt.cancel()
        attempt.cancel()
        #expect(outcome.error is CancellationError)
        loop.settle()
        #expect(loop.loop.poller.count == 1)
        for client in clients { SystemCall.close(client) }
    }

    @Test("it fails where only descriptors of the reserve are free, and gives back the one that it had")
    func reserve() throws {
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0))
        loop.loop.reserve = DescriptorReserve(first: 0)
        let (_, outcome) = begin(to: listener.address)
        #expect((outcome.error as? IOError)?.errnoCode == EMFILE)
        loop.loop.reserve = DescriptorReserve(first: .max)
        let (_, other) = begin(to: listener.address)
        loop.turns { other.isDone }
        #expect(other.socket != nil)
        #expect(loop.loop.poller.count == 1)
    }

    @Test("the end of the loop fails it")
    func loopEnds() throws {
        let (listener, clients) = try full()
        let (_, outcome) = begin(to: listener.address)
        loop.loop.windUp()
        #expect(outcome.error as? EventLoopError == .shutdown)
        for client in clients { SystemCall.close(client) }
    }

    @Test("it comes from the address that it is given, and fails where that is none of this machine")
    func source() throws {
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0))
        let (_, outcome) = begin(to: listener.address, from: try .init(ipAddress: "127.0.0.2", port: 0))
        loop.turns { outcome.isDone }
        #expect(outcome.socket?.localAddress?.ipAddress == "127.0.0.2")
        let (_, other) = begin(to: listener.address, from: try .init(ipAddress: "192.0.2.1", port: 0))
        #expect((other.error as? IOError)?.errnoCode == EADDRNOTAVAIL)
    }

    @Test("a socket that nobody takes is closed")
    func dropped() throws {
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0))
        do {
            let (_, outcome) = begin(to: listener.address)
            loop.turns { outcome.isDone }
        }
        let peer = try RawPeer(accept(listener.descriptor, nil, nil))
        loop.turns {
            _ = peer.read()
            return peer.hasSeenEnd
        }
    }
}
