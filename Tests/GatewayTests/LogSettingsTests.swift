import GatewayConfig
import GatewayPolicy
import Logging
import Testing

@testable import Gateway

@Suite("What is logged, and how, while configurations change")
struct LogSettingsTests {
    private static func configuration(
        _ level: LogConfiguration.Level, _ format: LogConfiguration.Format = .json
    ) -> LogConfiguration {
        var configuration = LogConfiguration()
        configuration.level = level
        configuration.format = format
        return configuration
    }

    @Test(
        "every level has its own of swift-log, and both formats come through",
        arguments: LogConfiguration.Level.allCases)
    func values(level: LogConfiguration.Level) {
        for format in [LogConfiguration.Format.json, .text] {
            let settings = LogSettings(Self.configuration(level, format))
            #expect(settings.level.rawValue == level.rawValue)
            #expect(settings.format == format)
        }
    }

    @Test("loggers that were made before follow")
    func follows() {
        let settings = LogSettings(Self.configuration(.info))
        let logger = StandardErrorLog.logger(settings)
        var child = logger
        child[metadataKey: "listener"] = "public"
        for level in [LogConfiguration.Level.error, .debug] {
            settings.follow(Self.configuration(level))
            #expect(logger.logLevel.rawValue == level.rawValue)
            #expect(child.logLevel.rawValue == level.rawValue)
        }
        let log = StandardErrorLog(settings)
        let event = LogEvent(
            level: .info, message: "m", metadata: nil, source: nil, file: #fileID, function: #function, line: #line)
        let time = LogTime(seconds: 0, milliseconds: 0)
        #expect(log.line(of: event, at: time).first == UInt8(ascii: "{"))
        settings.follow(Self.configuration(.info, .text))
        #expect(String(decoding: log.line(of: event, at: time), as: UTF8.self) == "1970-01-01T00:00:00.000Z info m\n")
    }

    @Test("without a format people read text, and programs JSON")
    func defaultFormat() {
        for (isTerminal, format) in [(true, LogConfiguration.Format.text), (false, .json)] {
            #expect(LogSettings(LogConfiguration(), isTerminal: isTerminal).format == format)
            var configuration = LogConfiguration()
            configuration.format = .json
            #expect(LogSettings(configuration, isTerminal: isTerminal).format == .json)
        }
    }

    @Test("a logger's own level wins, for that logger alone")
    func ownLevel() {
        let settings = LogSettings(Self.configuration(.info))
        let logger = StandardErrorLog.logger(settings)
        var own = logger
        own.logLevel = .trace
        settings.follow(Self.configuration(.error))
        #expect(own.logLevel == .trace)
        #expect(logger.logLevel == .error)
    }
}
