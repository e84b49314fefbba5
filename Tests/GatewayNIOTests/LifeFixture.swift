import Foundation
import GatewayConfig
import GatewayTelemetry
import Logging
import NIOCore
import SocketTransport
import Synchronization

@testable import GatewayNIO

/// A configuration as its file would say it. The files that it names are not looked at.
func configuration(_ text: String) throws -> GatewayConfiguration {
    try ConfigurationFile.parse(
        text, file: "test.yaml", directory: "/", environment: [:], now: Date(), judge: nil)
}

extension ProcessState {
    static func forTests(_ log: LogLines = LogLines()) -> ProcessState {
        ProcessState(
            telemetry: Telemetry(loops: System.coreCount, version: "test"), limits: ProcessLimits(),
            logger: Logger(label: "test") { _ in log })
    }

    /// The names of the routes that have counters.
    var countedRoutes: [String] { telemetry.snapshot(uptimeSeconds: 0, draining: false).routes.keys.sorted() }
}

extension SocketEventLoopGroup {
    /// The loops that all tests share.
    static let shared: SocketEventLoopGroup = {
        do {
            return try SocketEventLoopGroup(loops: System.coreCount)
        } catch {
            fatalError("no event loops: \(error)")
        }
    }()
}

extension LoopHandle {
    /// The loops that all tests share.
    static func shared(_ process: ProcessState, _ generation: Generation) async throws -> [LoopHandle] {
        var loops: [LoopHandle] = []
        for (index, eventLoop) in SocketEventLoopGroup.shared.loops.prefix(process.telemetry.loopCount).enumerated() {
            let context = try await eventLoop.submit {
                NIOLoopBound(
                    LoopContext(process: process, generation: generation, eventLoop: eventLoop, index: index),
                    eventLoop: eventLoop)
            }.get()
            loops.append(LoopHandle(eventLoop: eventLoop, context: context))
        }
        return loops
    }
}

/// Keeps what is logged.
final class LogLines: LogHandler, Sendable {
    private let kept = Mutex<[String]>([])
    /// Level and message of each line.
    var texts: [String] { kept.withLock { $0 } }

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

    func log(event: LogEvent) { kept.withLock { $0.append("\(event.level) \(event.message)") } }
}

/// Counts from any thread.
final class Count: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }

    /// - Returns: what it has become.
    @discardableResult func add() -> Int { count.add(1, ordering: .relaxed).newValue }
}

/// Returns when the condition holds. Suites that wait have a time limit.
func eventually(_ condition: () throws -> Bool) async throws {
    while try !condition() { try await Task.sleep(for: .milliseconds(2)) }
}
