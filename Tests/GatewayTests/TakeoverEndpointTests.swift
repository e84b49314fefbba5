import Foundation
import Logging
import Testing

@testable import Gateway

@Suite("Where a successor asks, while configurations change", .timeLimit(.minutes(2)))
final class TakeoverEndpointTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-endpoint-\(UUID().uuidString)")
    private let endpoint = TakeoverEndpoint(
        sockets: { [] }, onReady: {}, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    /// Whether a successor is answered there.
    private func serves(_ name: String) async -> Bool {
        guard let takeover = try? await TakeoverClient.take(path: path(name)) else { return false }
        takeover.abandon()
        return true
    }

    private func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    @Test("another path listens before the former one stops")
    func moves() async throws {
        await endpoint.apply(try await endpoint.prepare(path("first")))
        #expect(await serves("first"))
        let change = try await endpoint.prepare(path("second"))
        #expect(await serves("first"))
        #expect(await serves("second"))
        await endpoint.apply(change)
        #expect(await serves("second"))
        #expect(!exists("first"))
        await endpoint.stop()
        #expect(!exists("second"))
    }

    @Test("the same path goes on as it is")
    func same() async throws {
        await endpoint.apply(try await endpoint.prepare(path("first")))
        let takeover = try await TakeoverClient.take(path: path("first"))
        let change = try await endpoint.prepare(path("first"))
        await endpoint.takeBack(change)
        await endpoint.apply(try await endpoint.prepare(path("first")))
        // One that is under way is not given up.
        try await takeover.ready()
        await endpoint.stop()
    }

    @Test("a change that is taken back leaves the former path, and nothing at the other")
    func takenBack() async throws {
        await endpoint.apply(try await endpoint.prepare(path("first")))
        await endpoint.takeBack(try await endpoint.prepare(path("second")))
        #expect(!exists("second"))
        await endpoint.takeBack(try await endpoint.prepare(nil))
        #expect(await serves("first"))
        await endpoint.stop()
    }

    @Test("a path that can't be listened on is refused, and the former one stays")
    func refused() async throws {
        await endpoint.apply(try await endpoint.prepare(path("first")))
        let file = path("precious")
        try Data("precious".utf8).write(to: URL(fileURLWithPath: file))
        let error = await #expect(throws: StartError.self) { try await self.endpoint.prepare(file) }
        #expect(
            error?.description.hasPrefix("admin.takeover_socket can't listen on unix:\(file): ") == true,
            "\(error?.description ?? "")")
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data("precious".utf8))
        #expect(await serves("first"))
        await endpoint.stop()
    }

    @Test("no path: no successor is waited for, until there is one again")
    func none() async throws {
        await endpoint.apply(try await endpoint.prepare(nil))
        await endpoint.apply(try await endpoint.prepare(path("first")))
        #expect(await serves("first"))
        await endpoint.apply(try await endpoint.prepare(nil))
        #expect(!exists("first"))
        await endpoint.apply(try await endpoint.prepare(path("first")))
        #expect(await serves("first"))
        await endpoint.stop()
        #expect(!exists("first"))
    }
}
