public import GatewayConfig
import GatewayPolicy
import GatewayTelemetry
public import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What is logged and how, as the configuration in force says. Every logger made of it follows.
public final class LogSettings: Sendable {
    /// How lines are written.
    struct Style: Sendable {
        var format: LogConfiguration.Format
        var redaction: LogRedaction
    }

    /// The latest warnings and errors of every logger made of it.
    let recent = RecentWarnings()

    private let levelIndex: Atomic<Int>
    private let styleInForce: Mutex<Style>
    private let isTerminal: Bool
    /// With which redacted values are hashed.
    private let key: (UInt64, UInt64) = (.random(in: .min ... .max), .random(in: .min ... .max))

    /// - Parameter isTerminal: whether people read the lines as they come.
    public init(_ configuration: LogConfiguration, isTerminal: Bool = isatty(STDERR_FILENO) == 1) {
        self.isTerminal = isTerminal
        levelIndex = Atomic(0)
        styleInForce = Mutex(Style(format: .json, redaction: .none))
        follow(configuration)
    }

    /// Any thread.
    public func follow(_ configuration: LogConfiguration) {
        let level = Logger.Level(rawValue: configuration.level.rawValue) ?? .info
        levelIndex.store(Self.levels.firstIndex(of: level) ?? 0, ordering: .relaxed)
        let style = Style(
            format: configuration.format ?? (isTerminal ? .text : .json),
            redaction: configuration.redact.isEmpty ? .none : LogRedaction(configuration.redact, key: key))
        styleInForce.withLock { $0 = style }
    }

    private static let levels = Logger.Level.allCases

    public var level: Logger.Level { Self.levels[levelIndex.load(ordering: .relaxed)] }
    public var format: LogConfiguration.Format { style.format }
    var style: Style { styleInForce.withLock { $0 } }
}
