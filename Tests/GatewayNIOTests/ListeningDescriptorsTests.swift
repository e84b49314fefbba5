import Foundation
import GatewayConfig
import NIOCore
import SocketTransport
import Testing

@testable import GatewayNIO

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// With real sockets. Another gateway's are a second object's here: the kernel asks who holds a socket's address, and
/// not which process.
@Suite("Listening sockets apart from their channels")
final class ListeningDescriptorsTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-sockets-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    private static func open(_ host: String, _ port: Int = 0, count: Int = 1, mayShare: Bool = false) throws
        -> ListeningDescriptors
    {
        try ListeningDescriptors.open(
            .tcp(host: host, port: port), count: count, backlog: 64, mayShare: mayShare)
    }

    private static func port(_ listening: ListeningDescriptors) throws -> Int {
        guard case .tcp(_, let port) = listening.boundAddress else { throw ChannelError.unknownLocalAddress }
        return port
    }

    private static func code(_ body: () throws -> ListeningDescriptors) -> CInt? {
        do {
            try body().close()
            return nil
        } catch {
            return (error as? IOError)?.errnoCode
        }
    }

    @Test(
        "on TCP the sockets share one port, each takes connections, and children get none",
        arguments: ["127.0.0.1", "::1", "localhost"])
    func shares(host: String) async throws {
        let listening = try Self.open(host, count: 3)
        defer { listening.close() }
        #expect(listening.count == 3)
        let port = try Self.port(listening)
        #expect(port > 0)
        let copies = try listening.duplicates()
        defer { SocketCall.close(copies) }
        for copy in copies {
            #expect(fcntl(copy, F_GETFD, 0) & FD_CLOEXEC != 0)
            #expect(fcntl(copy, F_GETFL, 0) & O_NONBLOCK != 0)
        }
        let address = try #require(try SocketCall.address(of: copies[0]))
        var clients: [CInt] = []
        defer { SocketCall.close(clients) }
        // So many that a socket which gets none of them is out of the question.
        for _ in 0..<60 { clients.append(try Self.connect(to: address)) }
        var counts: [Int] = []
        for copy in copies { counts.append(Self.acceptAll(copy)) }
        #expect(counts.allSatisfy { $0 > 0 } && counts.reduce(0, +) == 60, "\(counts)")
    }

    private static let overlapping = [
        ("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"),
        ("::1", "::1"), ("::1", "::"), ("::", "::1"), ("::", "::"), ("127.0.0.1", "::"), ("::", "127.0.0.1"),
        ("0.0.0.0", "::"), ("::", "0.0.0.0"),
    ]

    @Test(
        "an address in use is refused, however it overlaps; not so when the sockets are our own", arguments: overlapping
    )
    func inUse(first: String, second: String) throws {
        let listening = try Self.open(first, count: 2)
        defer { listening.close() }
        let port = try Self.port(listening)
        #expect(Self.code { try Self.open(second, port, count: 2) } == EADDRINUSE)
        #expect(Self.code { try Self.open(second, port, count: 2, mayShare: true) } == nil)
        listening.close()
        // Another test may have the port for a moment, at an address that overlaps with this one.
        let end = NIODeadline.now() + .seconds(10)
        while Self.code({ try Self.open(second, port, count: 2) }) != nil, NIODeadline.now() < end {
            usleep(1000)
        }
        #expect(NIODeadline.now() < end, "the address is free once it is closed")
    }

    @Test("the same port of another address is free", arguments: [("127.0.0.1", "::1"), ("127.0.0.1", "127.0.0.2")])
    func elsewhere(first: String, second: String) throws {
        let listening = try Self.open(first)
        defer { listening.close() }
        #expect(Self.code { try Self.open(second, Self.port(listening)) } == nil)
    }

    @Test("of two that open an address at once, at most one gets it")
    func race() async throws {
        for _ in 0..<500 {
            let free = try Self.open("127.0.0.1")
            let port = try Self.port(free)
            free.close()
            let opened = await withTaskGroup(of: ListeningDescriptors?.self) { group in
                for _ in 0..<2 { group.addTask { try? Self.open("127.0.0.1", port, count: 2) } }
                return await group.reduce(into: []) { opened, one in if let one { opened.append(one) } }
            }
            #expect(opened.count <= 1)
        }
    }

    @Test("a name without an address is an error, and a failure leaves nothing open")
    func failures() throws {
        #expect(throws: NameLookupError.self) { try Self.open("no-such-name.invalid") }
        #expect(Self.code { try Self.open("192.0.2.1") } == EADDRNOTAVAIL)
    }

    @Test("a unix socket has its mode, is taken away with close, and closes its file's socket")
    func unix() throws {
        let path = path("a.sock")
        let listening = try ListeningDescriptors.open(
            .unix(path: path), access: .init(mode: 0o620), count: 4, backlog: 8)
        #expect(listening.count == 1)
        #expect(Self.mode(path) == 0o620)
        try listening.apply(.init(mode: 0o600))
        #expect(Self.mode(path) == 0o600)
        listening.close()
        #expect(Self.mode(path) == nil)
        #expect(throws: IOError.self) { try listening.duplicates() }
    }

    @Test("a unix socket that somebody listens on is refused, one that is left over replaced")
    func unixInUse() throws {
        let path = path("a.sock")
        let first = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8)
        #expect(Self.code { try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8) } == EADDRINUSE)
        // Not by the one that was refused.
        #expect(Self.mode(path) != nil)
        first.giveFileAway()
        first.close()
        #expect(Self.mode(path) != nil)
        let second = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8)
        let third = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8, mayShare: true)
        second.close()
        #expect(Self.mode(path) != nil, "expected the file of the third to stay")
        third.close()
        #expect(Self.mode(path) == nil)
    }

    @Test("a file that is no socket stays, and so does a socket of datagrams that is in use")
    func otherFiles() throws {
        let path = path("precious")
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: UnixSocketError.self) {
            try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8, mayShare: true)
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
        let datagrams = self.path("datagrams")
        let descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        defer { SocketCall.close([descriptor]) }
        try SocketCall.bind(descriptor, to: try SocketAddress(unixDomainSocketPath: datagrams))
        #expect(Self.code { try ListeningDescriptors.open(.unix(path: datagrams), count: 1, backlog: 8) } == EADDRINUSE)
    }

    @Test("a duplicate is accepted on; closing it leaves the address, closing both gives it up")
    func channels() async throws {
        let listening = try Self.open("127.0.0.1")
        let duplicate = try listening.duplicates()[0]
        let address = try #require(try SocketCall.address(of: duplicate))
        let accepting = AcceptingSocket(
            duplicate, on: SocketEventLoopGroup.shared.loops[0], targets: [],
            shortage: { _ in }, initializer: { _ in })
        try await accepting.begin().get()
        try await accepting.close().get()
        SocketCall.close([try Self.connect(to: address)])
        listening.close()
        #expect(throws: IOError.self) { try Self.connect(to: address) }
    }

    static func connect(to address: SocketAddress) throws -> CInt {
        let descriptor = socket(CInt(address.protocol.rawValue), CInt(SOCK_STREAM.rawValue), 0)
        let result = address.withSockAddr { Glibc.connect(descriptor, $0, socklen_t($1)) }
        guard result == 0 else {
            let code = errno
            SocketCall.close([descriptor])
            throw IOError(errnoCode: code, reason: "connect")
        }
        return descriptor
    }

    static func acceptAll(_ descriptor: CInt) -> Int {
        var count = 0
        while true {
            let connection = accept(descriptor, nil, nil)
            if connection < 0 { return count }
            SocketCall.close([connection])
            count += 1
        }
    }

    static func mode(_ path: String) -> mode_t? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.posixPermissions] as? Int).map { mode_t($0) }
    }
}
