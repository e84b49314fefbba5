public import GatewayConfig
import GatewayTelemetry
public import Logging
import Synchronization

/// What is logged and how, as the configuration in force says. Every logger made of it follows.
public final class LogSettings: Sendable {
    private let levelIndex: Atomic<Int>
    private let isJSON: Atomic<Bool>
    /// The latest warnings and errors of every logger made of it.
    let recent = RecentWarnings()

    public init(_ configuration: LogConfiguration) {
        levelIndex = Atomic(0)
        isJSON = Atomic(true)
        follow(configuration)
    }

    /// Any thread.
    public func follow(_ configuration: LogConfiguration) {
        let level = Logger.Level(rawValue: configuration.level.rawValue) ?? .info
        levelIndex.store(Self.levels.firstIndex(of: level) ?? 0, ordering: .relaxed)
        isJSON.store(configuration.format == .json, ordering: .relaxed)
    }

    private static let levels = Logger.Level.allCases

    public var level: Logger.Level { Self.levels[levelIndex.load(ordering: .relaxed)] }
    public var format: LogConfiguration.Format { isJSON.load(ordering: .relaxed) ? .json : .text }
}
