import Synchronization

/// The latest warnings and errors of the log, for whoever looks at the gateway and not at its log.
public final class RecentWarnings: Sendable {
    public struct Entry: Encodable, Equatable, Sendable {
        /// UTC, as the log has it.
        public var time: String
        public var level: String
        public var message: String
        public var fields: [String: String]

        public init(time: String, level: String, message: String, fields: [String: String]) {
            self.time = time
            self.level = level
            self.message = message
            self.fields = fields
        }

        var byteCount: Int {
            fields.reduce(time.utf8.count + level.utf8.count + message.utf8.count) {
                $0 + $1.key.utf8.count + $1.value.utf8.count
            }
        }
    }

    private struct State {
        var entries: [Entry] = []
        var bytes = 0
        var count = 0
    }

    /// Entries that are kept at most.
    public static let capacity = 100
    /// Bytes of text that are kept at most.
    public static let byteLimit = 64 * 1024
    /// Bytes of one field or message; what is longer is cut.
    public static let textLimit = 512
    /// Fields of one entry; the rest is left out.
    public static let fieldLimit = 24

    private let state = Mutex(State())

    public init() {}

    /// Any thread.
    public func add(_ entry: Entry) {
        var entry = entry
        entry.message = Self.cut(entry.message)
        if entry.fields.count > Self.fieldLimit {
            let kept = entry.fields.sorted { $0.key < $1.key }.prefix(Self.fieldLimit)
            entry.fields = Dictionary(kept.map { ($0.key, $0.value) }) { first, _ in first }
        }
        entry.fields = entry.fields.mapValues(Self.cut)
        let bytes = entry.byteCount
        state.withLock { state in
            state.entries.append(entry)
            state.bytes += bytes
            state.count += 1
            while state.entries.count > Self.capacity || state.bytes > Self.byteLimit, let oldest = state.entries.first
            {
                state.bytes -= oldest.byteCount
                state.entries.removeFirst()
            }
        }
    }

    /// How many there were since the start: another number whenever there is a new one.
    public var count: Int { state.withLock { $0.count } }

    /// Newest first.
    public var entries: [Entry] { state.withLock { Array($0.entries.reversed()) } }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > textLimit else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: textLimit - 3)
        while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text.unicodeScalars[..<end]) + "…"
    }
}
