import Foundation
import GatewayConfig
import GatewayNIO
import Logging
import NIOCore
import Synchronization
import Testing

@testable import Gateway

/// Both processes in one; between them a real socket.
@Suite("Takeover")
final class TakeoverTests {
    private let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-takeover-\(UUID().uuidString).sock").path
    private let log = Lines()

    deinit { unlink(path) }

    /// What the old process logs.
    private final class Lines: LogHandler, Sendable {
        let texts = Mutex<[String]>([])
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        subscript(metadataKey _: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) {
            texts.withLock { $0.append("\(event.message) \(event.metadata?["reason"] ?? "")") }
        }
    }

    private final class Flag: Sendable {
        let count = Atomic<Int>(0)
        var isRaised: Bool { count.load(ordering: .sequentiallyConsistent) > 0 }
        func raise() { count.add(1, ordering: .sequentiallyConsistent) }
    }

    private func server(
        _ sockets: [ListeningDescriptors] = [], user: UInt32 = geteuid(), times: TakeoverTimes = .patient(),
        onReady: @escaping @Sendable () async -> Void = {}
    ) throws -> TakeoverServer {
        let log = log
        return try TakeoverServer.start(
            path: path,
            sockets: {
                sockets.enumerated().map { index, listening in
                    TakeoverSocket(
                        name: "listener\(index)", address: "\(listening.boundAddress)",
                        descriptors: (try? listening.duplicates()) ?? [])
                }
            }, onReady: onReady, logger: Logger(label: "test") { _ in log }, user: user, times: times)
    }

    private func listen(count: Int = 1) throws -> ListeningDescriptors {
        try ListeningDescriptors.open(.tcp(host: "127.0.0.1", port: 0), count: count, backlog: 64)
    }

    private func connect(_ address: SocketAddress) throws -> CInt {
        let descriptor = socket(CInt(address.protocol.rawValue), CInt(SOCK_STREAM.rawValue), 0)
        guard address.withSockAddr({ Foundation.connect(descriptor, $0, socklen_t($1)) }) == 0 else {
            let code = errno
            close(descriptor)
            throw IOError(errnoCode: code, reason: "connect")
        }
        return descriptor
    }

    private func connect(to address: Address) throws -> CInt {
        switch address {
        case .tcp(let host, let port): try connect(SocketAddress(ipAddress: host, port: port))
        case .unix(let path): try connect(SocketAddress(unixDomainSocketPath: path))
        }
    }

    /// A process that keeps to no protocol.
    private func stranger() throws -> TakeoverConnection {
        TakeoverConnection(try connect(to: .unix(path: path)), mostDescriptors: 100)
    }

    private func hello(_ version: Int = TakeoverMessage.version) throws -> [UInt8] {
        try TakeoverMessage.line(TakeoverMessage.Hello(sluice: version, pid: 1))
    }

    private func answer(_ connection: TakeoverConnection) async throws -> String? {
        try await BlockingThread("test").run {
            try connection.ask([], by: .now + .seconds(600)).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// The server does as it should with the next one.
    private func checkServes(_ server: TakeoverServer, _ sockets: Int) async throws {
        let takeover = try await TakeoverClient.take(path: path, user: geteuid(), times: .patient())
        #expect(takeover.sockets.count == sockets)
        takeover.abandon()
    }

    @Test("the sockets change hands, and no client is refused meanwhile")
    func changesHands() async throws {
        let old = [try listen(count: 2), try listen()]
        let isReady = Flag()
        let server = try server(old) {
            for listening in old { listening.close() }
            isReady.raise()
        }
        #expect((try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int) == 0o600)
        // It waits in the queue all the time.
        let early = try connect(to: old[0].boundAddress)
        defer { close(early) }

        let takeover = try await TakeoverClient.take(path: path, user: geteuid(), times: .patient())
        #expect(takeover.sockets.map(\.name) == ["listener0", "listener1"])
        #expect(takeover.sockets.map(\.address) == old.map { "\($0.boundAddress)" })
        #expect(takeover.sockets.map(\.descriptors.count) == [2, 1])
        let first = takeover.claim(takeover.sockets[0])
        #expect(takeover.claim(takeover.sockets[0]).isEmpty)
        let new = try ListeningDescriptors(adopting: first, address: old[0].boundAddress, ownsFile: true)
        defer { new.close() }
        #expect(!isReady.isRaised)
        try await takeover.ready()
        #expect(isReady.isRaised)
        #expect(!FileManager.default.fileExists(atPath: path))

        let late = try connect(to: new.boundAddress)
        defer { close(late) }
        var accepted = 0
        for descriptor in first {
            while case let connection = accept(descriptor, nil, nil), connection >= 0 {
                close(connection)
                accepted += 1
            }
        }
        #expect(accepted == 2)
        // Nobody claimed the second one.
        #expect(throws: IOError.self) { try self.connect(to: old[1].boundAddress) }
        await server.stop()
        // And the path is free for the next one's.
        try await self.server().stop()
    }

    @Test("a successor that gives up changes nothing", arguments: [true, false])
    func givesUp(byItself: Bool) async throws {
        let old = try listen()
        let isReady = Flag()
        let server = try server([old]) { isReady.raise() }
        var takeover: Takeover? = try await TakeoverClient.take(path: path, user: geteuid(), times: .patient())
        if byItself { takeover?.abandon() }
        takeover = nil
        try await checkServes(server, 1)
        close(try connect(to: old.boundAddress))
        await server.stop()
        #expect(!isReady.isRaised)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(log.texts.withLock { $0.contains { $0.contains("continues the successor ended") } })
        // It has kept none of the sockets.
        old.close()
        #expect(throws: IOError.self) { try self.connect(to: old.boundAddress) }
    }

    @Test("a successor that takes too long hears that the old one goes on")
    func tooSlow() async throws {
        let isReady = Flag()
        let server = try server([try listen()], times: .patient(ready: .milliseconds(50))) { isReady.raise() }
        let takeover = try await TakeoverClient.take(path: path, user: geteuid(), times: .patient())
        while !log.texts.withLock({ $0.contains { $0.contains("did not answer in time") } }) { await Task.yield() }
        try await checkServes(server, 1)
        await #expect(throws: TakeoverError(description: "the other process did not answer in time")) {
            try await takeover.ready()
        }
        await server.stop()
        #expect(!isReady.isRaised)
    }

    @Test("where the old one dies, its successor carries on")
    func oldOneDies() async throws {
        let listening = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 4)
        let copies = try listening.duplicates()
        let path = path
        async let begun = TakeoverClient.take(path: path, user: geteuid(), times: .patient())
        let old = try await BlockingThread("test").run {
            var waiting = pollfd(fd: copies[0], events: Int16(POLLIN), revents: 0)
            while poll(&waiting, 1, 20_000) < 1 {}
            let old = TakeoverConnection(accept(copies[0], nil, nil), mostDescriptors: 0)
            _ = try old.readLine(by: .now + .seconds(600))
            try old.send(Array("{\"sockets\": []}\n".utf8), by: .now + .seconds(600))
            return old
        }
        let takeover = try await begun
        old.close()
        try await takeover.ready()
        close(copies[0])
    }

    @Test("while one takes over, another is told to wait")
    func oneAtATime() async throws {
        let server = try server([try listen()])
        let first = try await TakeoverClient.take(path: path, user: geteuid(), times: .patient())
        await #expect(throws: TakeoverError(description: "another takeover is in progress; try again later")) {
            try await TakeoverClient.take(path: self.path, user: geteuid(), times: .patient())
        }
        first.abandon()
        try await checkServes(server, 1)
        await server.stop()
    }

    @Test("a gateway that stops gives a takeover up, and says so")
    func stops() async throws {
        let isReady = Flag()
        let server = try server([try listen()]) { isReady.raise() }
        let takeover = try await TakeoverClient.take(path: path, user: geteuid(), times: .patient())
        await server.stop()
        await #expect {
            try await takeover.ready()
        } throws: { "\($0)".contains("is stopping") }
        #expect(!isReady.isRaised)
        await #expect(throws: TakeoverError.self) {
            try await TakeoverClient.take(path: self.path, user: geteuid(), times: .patient())
        }
    }

    @Test("without a gateway the error names the remedy", arguments: [true, false])
    func nobody(isStale: Bool) async throws {
        if isStale {
            let dead = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 4)
            dead.giveFileAway()
            dead.close()
        }
        await #expect(
            throws: TakeoverError(description: "no gateway answers at \(path); start it without --takeover")
        ) { try await TakeoverClient.take(path: self.path, user: geteuid(), times: .patient()) }
        // A stale file is in nobody's way.
        try await server().stop()
    }

    @Test("a second gateway can't wait for a successor at the same place")
    func inUse() async throws {
        let server = try server()
        #expect { try self.server() } throws: { ($0 as? IOError)?.errnoCode == EADDRINUSE }
        try await checkServes(server, 0)
        await server.stop()
    }

    @Test("neither side deals with another user's process")
    func users() async throws {
        let mistaken = try server([try listen()], user: geteuid() + 1)
        await #expect {
            try await TakeoverClient.take(path: self.path, user: geteuid(), times: .patient())
        } throws: { "\($0)".contains("expected a process of user \(geteuid() + 1)") }
        await mistaken.stop()
        let server = try server([try listen()])
        await #expect {
            try await TakeoverClient.take(path: self.path, user: geteuid() + 1, times: .patient())
        } throws: { "\($0)".contains("to run as user \(geteuid() + 1)") }
        try await checkServes(server, 1)
        await server.stop()
    }

    @Test(
        "nonsense is refused, and disturbs nothing",
        arguments: [
            "\n", "hello\n", "{}\n", "[1]\n", "{\"sluice\": 2, \"pid\": 1}\n", "{\"sluice\": \"1\"}\n", "\u{0}\u{1}\n",
            String(repeating: "[", count: 60_000) + "\n", String(repeating: "a", count: 70_000),
            "{\"error\": \"no\"}\n", "{\"sluice\": 99999999999999999999, \"pid\": 1}\n",
        ])
    func nonsense(text: String) async throws {
        let isReady = Flag()
        let server = try server([try listen()]) { isReady.raise() }
        let stranger = try stranger()
        // It may be refused before it has sent everything.
        try? await BlockingThread("test").run { try stranger.send(Array(text.utf8), by: .now + .seconds(600)) }
        #expect(try await answer(stranger)?.contains("\"error\"") == true)
        #expect(try await answer(stranger) == nil, "expected the connection to end")
        try await checkServes(server, 1)
        await server.stop()
        #expect(!isReady.isRaised)
    }

    @Test("whoever says nothing, or is not ready, is given up", arguments: ["", "nonsense\n", "{\"ready\": false}\n"])
    func notReady(text: String) async throws {
        let isReady = Flag()
        let server = try server([try listen()], times: .patient(ready: .milliseconds(50))) { isReady.raise() }
        let stranger = try stranger()
        let hello = try hello()
        try stranger.send(hello, by: .now + .seconds(600))
        #expect(try await answer(stranger)?.contains("\"sockets\"") == true)
        try stranger.send(Array(text.utf8), by: .now + .seconds(600))
        #expect(try await answer(stranger)?.contains("\"error\"") == true)
        try await checkServes(server, 1)
        await server.stop()
        #expect(!isReady.isRaised)
    }

    @Test("whoever does not introduce itself is not waited for")
    func silent() async throws {
        let server = try server(times: .patient(hello: .milliseconds(50)))
        let stranger = try stranger()
        #expect(try await answer(stranger) == "{\"error\":\"the other process did not answer in time\"}")
        await server.stop()
    }

    @Test("descriptors from a successor are refused")
    func descriptors() async throws {
        let server = try server([try listen()])
        let stranger = try stranger()
        try stranger.send(try hello(), with: [STDIN_FILENO], by: .now + .seconds(600))
        #expect(try await answer(stranger)?.contains("expected at most 0 descriptors") == true)
        try await checkServes(server, 1)
        await server.stop()
    }

    @Test(
        "a gateway that names other numbers than it sends is not believed",
        arguments: [[2], [1, 1], [0], [-1, 2], [Int.max, 1], []])
    func wrongCounts(counts: [Int]) throws {
        var ends: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { close(ends[1]) }
        #expect(throws: TakeoverError.self) {
            try TakeoverClient.share(
                [ends[0]], among: counts.map { .init(name: "a", address: "127.0.0.1:1", count: $0) })
        }
        // What came has been closed.
        var byte: UInt8 = 0
        #expect(recv(ends[1], &byte, 1, CInt(MSG_DONTWAIT)) == 0)
    }

    @Test("300 sockets of many listeners change hands")
    func many() async throws {
        let old = try (0..<100).map { _ in try listen(count: 3) }
        let server = try server(old)
        let takeover = try await TakeoverClient.take(path: path, user: geteuid(), times: .patient())
        #expect(takeover.sockets.count == 100)
        for (socket, listening) in zip(takeover.sockets, old) {
            let adopted = try ListeningDescriptors(
                adopting: takeover.claim(socket), address: listening.boundAddress, ownsFile: true)
            #expect(adopted.count == 3)
        }
        try await takeover.ready()
        await server.stop()
    }
}

extension TakeoverTimes {
    /// The whole test run shares a few threads: what is not about time waits as long as that takes.
    fileprivate static func patient(
        hello: Duration = .seconds(600), ready: Duration = .seconds(600)
    ) -> TakeoverTimes {
        TakeoverTimes(hello: hello, offer: .seconds(600), ready: ready, ended: .seconds(600))
    }
}
