import GatewayTelemetry
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Makes the events that pages watch (HTML Living Standard §9.2, server-sent events). Those who watch at once share the
/// work of the largest one.
final class LiveFeed: Sendable {
    /// Seconds between two events of one stream.
    static let interval = 2
    /// Streams at once; whoever comes then is told to come back.
    static let maximumStreams = 16
    /// For how long an event that was made serves others too.
    private static let freshness = Duration.milliseconds(1500)

    /// What one stream has been told.
    struct Cursor: Sendable {
        var samples = -1
        var warnings = -1
        var configuration = -1.0
    }

    private struct State {
        var streams = 0
        var latest: (bytes: [UInt8], time: ContinuousClock.Instant)?
    }

    private let source: DashboardSource
    private let state = Mutex(State())

    init(_ source: DashboardSource) { self.source = source }

    /// A place for one more stream; false: there are as many as may be.
    func enter() -> Bool {
        state.withLock { state in
            guard state.streams < Self.maximumStreams else { return false }
            state.streams += 1
            return true
        }
    }

    func leave() { state.withLock { $0.streams -= 1 } }

    /// The events that are due, and what has been told with them. Takes its time with many routes: not for event loops.
    func events(after cursor: Cursor) -> (bytes: [UInt8], cursor: Cursor) {
        var cursor = cursor
        var bytes: [UInt8] = []
        let version = source.configurationVersion()
        if version != cursor.configuration {
            cursor.configuration = version
            bytes += Self.event("configuration", source.configuration())
        }
        bytes += Self.event("state", latestState())
        let samples = source.history.rows(after: max(0, cursor.samples))
        if cursor.samples < 0 || !samples.rows.isEmpty {
            bytes += Self.event("samples", Self.json(HistoryEvent(samples, loops: source.history.loopCount)))
            cursor.samples = samples.count
        }
        let warnings = source.warnings.count
        if warnings != cursor.warnings {
            cursor.warnings = warnings
            bytes += Self.event("warnings", Self.json(source.warnings.entries))
        }
        return (bytes, cursor)
    }

    private func latestState() -> [UInt8] {
        let now = ContinuousClock.now
        if let latest = state.withLock({ $0.latest }), now - latest.time < Self.freshness { return latest.bytes }
        let bytes = Self.json(source.live())
        state.withLock { $0.latest = (bytes, now) }
        return bytes
    }

    private static func json(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return (try? encoder.encode(value)).map(Array.init) ?? Array("{}".utf8)
    }

    /// JSON has no line end outside its strings, and none inside that is not escaped.
    private static func event(_ name: String, _ data: [UInt8]) -> [UInt8] {
        Array("event: \(name)\ndata: ".utf8) + data + [0x0A, 0x0A]
    }

    /// The samples since the last event.
    private struct HistoryEvent: Encodable {
        var interval = MetricHistory.interval
        var capacity = MetricHistory.capacity
        var names = HistorySample.names
        var loops: Int
        var time: Double
        var rows: [[Float]]

        init(_ rows: MetricHistory.Rows, loops: Int) {
            self.loops = loops
            time = rows.time
            self.rows = rows.rows
        }
    }
}
