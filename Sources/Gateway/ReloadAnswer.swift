import GatewayConfig
import GatewayNIO

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What came of reading the configuration again.
public enum ReloadAnswer: Sendable {
    /// It is in force, or could be.
    case accepted(Accepted)
    /// Nothing has changed.
    case refused(Refused)

    /// What changes, and for whom. As JSON, the keys of the changes stand beside the others.
    public struct Accepted: Encodable, Sendable {
        /// false: it was only asked for.
        public var applied: Bool
        /// The absolute path.
        public var file: String
        public var difference: ConfigurationDifference
        public var sockets: GatewayServer.Fates
        public var warnings: [ConfigurationIssue]

        private enum Key: String, CodingKey { case applied, file, sockets, warnings }
        private enum SocketKey: String, CodingKey { case kept, drained, closed }

        public func encode(to encoder: any Encoder) throws {
            try difference.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(applied, forKey: .applied)
            try container.encode(file, forKey: .file)
            try container.encode(warnings, forKey: .warnings)
            var counts = container.nestedContainer(keyedBy: SocketKey.self, forKey: .sockets)
            try counts.encode(sockets.kept, forKey: .kept)
            try counts.encode(sockets.drained, forKey: .drained)
            try counts.encode(sockets.closed, forKey: .closed)
        }
    }

    public struct Refused: Encodable, Sendable {
        public var applied = false
        public var file: String
        public var errors: [ConfigurationIssue]
        /// The errors as `check` prints them.
        public var text: String

        init(file: String, errors: [ConfigurationIssue]) {
            self.file = file
            self.errors = errors
            text = errors.map { $0.line > 0 ? $0.description : "error: \($0.message)" }.joined(separator: "\n")
        }

        /// What no line of the file is to blame for.
        init(file: String, reason: String) {
            self.init(
                file: file, errors: [ConfigurationIssue(file: file, line: 0, column: 0, message: reason)])
        }
    }

    /// The keys of each object sorted.
    public var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes =
            switch self {
            case .accepted(let answer): try? encoder.encode(answer)
            case .refused(let answer): try? encoder.encode(answer)
            }
        return bytes.map(Array.init) ?? Array("{}".utf8)
    }
}
