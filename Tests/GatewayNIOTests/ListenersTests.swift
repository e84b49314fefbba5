import Foundation
import GatewayConfig
import NIOCore
import Testing

@testable import GatewayNIO

/// With real sockets.
@Suite("The listeners of one generation after the other", .timeLimit(.minutes(2)))
final class ListenersTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-listeners-\(UUID().uuidString)")
    private let process = ProcessState.forTests()
    private var listeners = Listeners()

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    private static func tcp(_ name: String, _ address: String = "127.0.0.1:0") -> String {
        "{ name: \(name), address: \"\(address)\" }"
    }

    private func unix(_ name: String, _ file: String, _ more: String = "") -> String {
        "{ name: \(name), address: \"unix:\(path(file))\"\(more) }"
    }

    /// Those of the generation that has these listeners, opened and in force.
    ///
    /// - Returns: those that are to stop.
    private func follow(_ lines: String...) async throws -> [Listener] {
        let generation = try Generation(
            configuration("listeners: [\(lines.joined(separator: ", "))]\nroutes: [{ name: a, respond: 200 }]"),
            process: process)
        let loops = try await LoopHandle.shared(process, generation)
        let change = try await listeners.prepare(generation, loops: loops, logger: process.logger)
        return listeners.apply(change, logger: process.logger)
    }

    private func stopAll() async {
        for listener in listeners.open { await listener.sockets.stop() }
    }

    private func connects(_ file: String) -> Bool {
        guard let address = try? SocketAddress(unixDomainSocketPath: path(file)),
            let descriptor = try? ListeningDescriptorsTests.connect(to: address)
        else { return false }
        SocketCall.close([descriptor])
        return true
    }

    private func mode(_ file: String) -> mode_t? { ListeningDescriptorsTests.mode(path(file)) }

    @Test("the same name and address keep the sockets, and connections meet the new settings")
    func keeps() async throws {
        #expect(try await follow(Self.tcp("a"), unix("b", "b")).isEmpty)
        let before = listeners.open
        #expect(before.map(\.configuration.name) == ["a", "b"])
        #expect(try await follow(unix("b", "b", ", via: off"), Self.tcp("a")).isEmpty)
        #expect(listeners.open.map(\.configuration.name) == ["b", "a"])
        #expect(listeners.open[0] === before[1] && listeners.open[1] === before[0])
        #expect(before[1].configuration.via != before[0].configuration.via)
        await stopAll()
    }

    @Test("an address is found again under another name; any free port is not")
    func renamed() async throws {
        _ = try await follow(Self.tcp("a"), unix("b", "b"), unix("c", "c"))
        let before = listeners.open
        // Two change names with each other.
        let closing = try await follow(Self.tcp("other"), unix("c", "b"), unix("b", "c"))
        #expect(closing.count == 1 && closing[0] === before[0])
        #expect(listeners.open[0].boundAddress != before[0].boundAddress)
        #expect(listeners.open[1] === before[1] && listeners.open[2] === before[2])
        #expect(listeners.open.map(\.configuration.name) == ["other", "c", "b"])
        for listener in closing { await listener.sockets.stop() }
        await stopAll()
    }

    @Test("another address is listened on before the former one is left")
    func moved() async throws {
        _ = try await follow(unix("a", "before"))
        let closing = try await follow(unix("a", "after"))
        #expect(connects("before") && connects("after"))
        try #require(closing.count == 1)
        await closing[0].sockets.stop()
        #expect(!connects("before") && connects("after"))
        await stopAll()
        #expect(!connects("after"))
    }

    @Test("a mode changes on the socket that is there, and is as it was made when it is no longer said")
    func modes() async throws {
        _ = try await follow(unix("a", "a"))
        let made = mode("a")
        let before = listeners.open
        for octal in ["0600", "0666"] {
            _ = try await follow(unix("a", "a", ", mode: \"\(octal)\""))
            #expect(mode("a") == mode_t(octal, radix: 8))
        }
        _ = try await follow(unix("a", "a"))
        #expect(mode("a") == made)
        #expect(listeners.open[0] === before[0])
        await stopAll()
    }

    @Test("where one can't be opened, nothing has changed")
    func failing() async throws {
        _ = try await follow(unix("a", "a"), unix("b", "b", ", mode: \"0620\""))
        let before = listeners.open
        let made = mode("a")
        let taken = try ListeningDescriptors.open(.unix(path: path("taken")), count: 1, backlog: 8)
        defer { taken.close() }
        let error = await #expect(throws: ListenerError.self) {
            try await self.follow(
                self.unix("a", "a", ", mode: \"0600\""), self.unix("b", "b", ", mode: \"0666\""),
                self.unix("new", "new"), self.unix("late", "taken"), self.unix("never", "never"))
        }
        #expect(error?.name == "late")
        #expect(error?.address == .unix(path: path("taken")))
        #expect(error?.reason.contains("in use") == true, "\(error?.reason ?? "")")
        #expect(mode("new") == nil && mode("never") == nil)
        #expect(mode("a") == made && mode("b") == 0o620)
        #expect(listeners.open.elementsEqual(before, by: ===))
        #expect(listeners.open.map(\.configuration.access.mode) == [nil, 0o620])
        #expect(connects("a") && connects("b"))
        await stopAll()
    }
}
