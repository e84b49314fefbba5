import Foundation
import GatewayConfig
import GatewayPolicy
import Logging
import Testing

@testable import Gateway
@testable import GatewayNIO

@Suite("Log lines on standard error")
struct StandardErrorLogTests {
    private static let time = "2026-01-02T03:04:05.678Z"
    private static let moment = LogTime(seconds: 1_767_323_045, milliseconds: 678)

    private func log(_ format: LogConfiguration.Format, level: LogConfiguration.Level = .info) -> StandardErrorLog {
        var configuration = LogConfiguration()
        configuration.format = format
        configuration.level = level
        return StandardErrorLog(LogSettings(configuration, isTerminal: false))
    }

    private func line(
        _ log: StandardErrorLog, _ message: Logger.Message, _ metadata: Logger.Metadata? = nil
    ) -> String {
        let bytes = log.line(
            of: LogEvent(
                level: .warning, message: message, metadata: metadata, source: nil, file: #fileID, function: #function,
                line: #line),
            at: Self.moment)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("as JSON a line is one object, its fields in order of their names")
    func json() {
        #expect(
            line(log(.json), "server failed", ["upstream": "chat", "reason": "connection refused"])
                == #"{"time":"2026-01-02T03:04:05.678Z","level":"warning","message":"server failed","#
                + #""reason":"connection refused","upstream":"chat"}"# + "\n")
    }

    @Test("as text a line is time, level, message and quoted fields")
    func text() {
        #expect(
            line(log(.text), "server failed", ["upstream": "chat", "reason": "connection refused"])
                == "2026-01-02T03:04:05.678Z warning server failed reason=\"connection refused\" upstream=\"chat\"\n")
    }

    @Test("a line's own field takes the place of the logger's")
    func ownFields() {
        var log = log(.json)
        log[metadataKey: "request_id"] = "1"
        log[metadataKey: "route"] = "chat"
        let line = line(log, "m", ["request_id": "2"])
        #expect(line.hasSuffix(#""message":"m","request_id":"2","route":"chat"}"# + "\n"))
    }

    @Test("numbers and truth values are none of JSON's strings")
    func types() throws {
        let metadata: Logger.Metadata = [
            "count": .stringConvertible(UInt64.max), "tls": .stringConvertible(true), "share": .stringConvertible(0.5),
            "process": .stringConvertible(Int32(7)), "place": .stringConvertible("4:2"),
        ]
        #expect(
            line(log(.json), "m", metadata).hasSuffix(
                #","count":18446744073709551615,"place":"4:2","process":7,"share":0.5,"tls":true}"# + "\n"))
        #expect(
            line(log(.text), "m", metadata).hasSuffix(
                #" m count=18446744073709551615 place="4:2" process=7 share=0.5 tls=true"# + "\n"))
    }

    @Test("a line about a request is made only where its level is logged")
    func requests() throws {
        for level in LogConfiguration.Level.allCases {
            var configuration = LogConfiguration()
            configuration.level = level
            let log = StandardErrorLog.requests(LogSettings(configuration, isTerminal: false))
            #expect((log.begin("m") != nil) == [.trace, .debug, .info].contains(level), "\(level)")
        }
    }

    @Test("a redacted field is redacted whoever writes the line")
    func redaction() {
        var configuration = LogConfiguration()
        configuration.redact = [.client: .hide, .path: .hash]
        let log = StandardErrorLog(LogSettings(configuration, isTerminal: false))
        let line = line(log, "m", ["client": "192.0.2.1", "path": "/secret", "host": "shown"])
        #expect(line.contains(#""client":"[redacted]","host":"shown""#), "\(line)")
        #expect(!line.contains("secret"))
        #expect(line.contains(/"path":"[0-9a-f]{16}"/), "\(line)")
    }

    /// What a client sends can get into a reason.
    @Test(
        "no value breaks out of its quotes or its line",
        arguments: [
            ("plain", "plain"), ("a\"b", #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("a\r\nb", #"a\r\nb"#),
            ("a\tb", #"a\tb"#), ("\u{0}", #"\u0000"#), ("\u{1B}[31m", #"\u001b[31m"#), ("\u{1F}", #"\u001f"#),
            ("\u{7F}", #"\u007f"#), ("\u{9B}31m", #"\u009b31m"#), ("\u{2028}", #"\u2028"#),
            ("\u{202E}drowssap", #"\u202edrowssap"#), ("\u{2067}", #"\u2067"#), ("\u{E0041}", #"\udb40\udc41"#),
            ("grüße 🙂", "grüße 🙂"), ("\",\"level\":\"info", #"\",\"level\":\"info"#),
        ])
    func quoting(value: String, quoted: String) throws {
        for format in [LogConfiguration.Format.json, .text] {
            let line = line(log(format), "m", ["value": "\(value)"])
            #expect(line.contains("\"\(quoted)\""), "\(line)")
            #expect(line.unicodeScalars.filter { $0 == "\n" }.count == 1)
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F || $0 == "\n" })
        }
        let read = try JSONSerialization.jsonObject(with: Data(line(log(.json), "m", ["value": "\(value)"]).utf8))
        #expect((read as? [String: String])?["value"] == value)
    }

    @Test("as text, message and field names show what they are")
    func visibleText() {
        #expect(
            line(log(.text), "a\u{202E}\nb", ["k\u{9B}": "v"])
                == "\(Self.time) warning a\\u202e\\nb k\\u009b=\"v\"\n")
    }

    @Test("message and field names are quoted too")
    func quotedNames() throws {
        let line = line(log(.json), "a \"quoted\"\nmessage", ["a\"key": "v"])
        let read = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
        #expect(read?["message"] == "a \"quoted\"\nmessage")
        #expect(read?["a\"key"] == "v")
        #expect(line.unicodeScalars.filter { $0 == "\n" }.count == 1)
    }

    @Test("each level of the configuration is one of the logger's", arguments: LogConfiguration.Level.allCases)
    func levels(level: LogConfiguration.Level) {
        #expect(log(.json, level: level).logLevel.rawValue == level.rawValue)
    }
}
