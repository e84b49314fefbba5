public import GatewayNIO
import GatewayPolicy
import GatewayTelemetry
public import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Log lines on standard error: as JSON objects, or as text for people.
public struct StandardErrorLog: LogHandler {
    public var metadata: Logger.Metadata = [:]
    private let settings: LogSettings
    private var ownLevel: Logger.Level?

    public init(_ settings: LogSettings) {
        self.settings = settings
    }

    /// A logger that writes as the settings say, whenever they change.
    public static func logger(_ settings: LogSettings) -> Logger {
        Logger(label: "sluice") { _ in StandardErrorLog(settings) }
    }

    /// That of the settings, until this logger is given its own.
    public var logLevel: Logger.Level {
        get { ownLevel ?? settings.level }
        set { ownLevel = newValue }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let time = LogTime.now
        if event.level >= .warning { settings.recent.add(entry(of: event, at: time)) }
        LogWriter.standardError.write(line(of: event, at: time), notice: notice(at: time))
    }

    /// Makes the line that says how many were dropped.
    private func notice(at time: LogTime) -> @Sendable (Int) -> [UInt8] {
        { count in
            let notice = LogEvent(
                level: .warning, message: "log lines dropped, because nobody read them in time",
                metadata: ["count": .stringConvertible(count)],
                source: nil, file: #fileID, function: #function, line: #line)
            return line(of: notice, at: time)
        }
    }

    /// The same for whoever looks at the gateway and not at its log.
    private func entry(of event: LogEvent, at time: LogTime) -> RecentWarnings.Entry {
        RecentWarnings.Entry(
            time: time.text, level: "\(event.level)", message: "\(event.message)",
            fields: metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" })
    }

    /// One line with its line end, its fields in order of their names.
    func line(of event: LogEvent, at time: LogTime) -> [UInt8] {
        let style = settings.style
        var line = LogLine(
            "\(event.message)", level: event.level.rawValue, at: time, format: style.format,
            redaction: style.redaction)
        for (name, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: {
            $0.key < $1.key
        }) {
            if case .stringConvertible(let value) = value {
                line.add(named: name, value)
            } else {
                line.add(named: name, "\(value)")
            }
        }
        return line.finished()
    }

    /// For lines about requests and WebSockets, of which there are many: they are made field by field.
    public static func requests(_ settings: LogSettings) -> LineLog {
        LineLog(
            begin: { message in
                guard settings.level <= .info else { return nil }
                let style = settings.style
                return LogLine(
                    message, level: Logger.Level.info.rawValue, at: .now, format: style.format,
                    redaction: style.redaction)
            },
            write: { line in
                LogWriter.standardError.write(
                    line.finished(), notice: { StandardErrorLog(settings).notice(at: .now)($0) })
            })
    }
}

extension LogTime {
    static var now: LogTime {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return LogTime(seconds: now.tv_sec, milliseconds: now.tv_nsec / 1_000_000)
    }
}
