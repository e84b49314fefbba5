import GatewayConfig
import GatewayTelemetry
public import Logging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

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
        let time = Self.timestamp()
        if event.level >= .warning { settings.recent.add(entry(of: event, at: time)) }
        LogWriter.standardError.write(line(of: event, at: time)) { count in
            let notice = LogEvent(
                level: .warning, message: "log lines dropped, as nobody read them", metadata: ["count": "\(count)"],
                source: nil, file: #fileID, function: #function, line: #line)
            return line(of: notice, at: time)
        }
    }

    /// The same for whoever looks at the gateway and not at its log.
    private func entry(of event: LogEvent, at time: String) -> RecentWarnings.Entry {
        RecentWarnings.Entry(
            time: time, level: "\(event.level)", message: "\(event.message)",
            fields: metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" })
    }

    /// One line with its line end; `time` is put in as it is.
    func line(of event: LogEvent, at time: String) -> String {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        var line: String
        switch settings.format {
        case .json:
            line = "{\"time\":\"\(time)\",\"level\":\"\(event.level)\",\"message\":\(Self.quoted("\(event.message)"))"
            for (key, value) in fields { line += ",\(Self.quoted(key)):\(Self.quoted("\(value)"))" }
            line += "}\n"
        case .text:
            line = "\(time) \(event.level) \(VisibleText.escaped("\(event.message)"))"
            for (key, value) in fields { line += " \(VisibleText.escaped(key))=\(Self.quoted("\(value)"))" }
            line += "\n"
        }
        return line
    }

    private static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let milliseconds = String(1000 + now.tv_nsec / 1_000_000).dropFirst()
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(milliseconds)Z"
    }

    /// A JSON string (RFC 8259 §7): no hidden character gets through, so a line stays one line and shows what it says.
    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where VisibleText.isHidden(scalar): out += VisibleText.escape(scalar)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
