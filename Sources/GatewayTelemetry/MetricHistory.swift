import Synchronization

/// What the gateway did in one interval: levels at its end, and rates over it.
public struct HistorySample: Equatable, Sendable {
    /// WebSockets open.
    public var active: Float = 0
    /// WebSockets opened, clients refused and WebSockets ended, each a second.
    public var opened: Float = 0
    public var refused: Float = 0
    public var closed: Float = 0
    /// Messages a second.
    public var messagesFromClient: Float = 0
    public var messagesToClient: Float = 0
    /// Bytes a second.
    public var bytesFromClient: Float = 0
    public var bytesToClient: Float = 0
    /// Payload of compressed messages, before and after compression, in bytes a second.
    public var compressionBefore: Float = 0
    public var compressionAfter: Float = 0
    /// Of the process, in bytes; 0: not known.
    public var memory: Float = 0
    /// Of each event loop, 0 to 1: the part of the interval that its thread was at work.
    public var loads: [Float] = []

    public init() {}

    /// The names of the columns before those of the loops, in the order of ``columns``.
    public static let names = [
        "active", "opened", "refused", "closed", "messages_from_client", "messages_to_client", "bytes_from_client",
        "bytes_to_client", "compression_before", "compression_after", "memory",
    ]

    var columns: [Float] {
        [
            active, opened, refused, closed, messagesFromClient, messagesToClient, bytesFromClient, bytesToClient,
            compressionBefore, compressionAfter, memory,
        ] + loads
    }
}

/// The samples of the last half hour, in a ring whose memory is taken once.
///
/// Sampling reads counters, whose number is that of routes and loops: it takes no longer with more connections.
public final class MetricHistory: Sendable {
    /// Seconds between two samples.
    public static let interval = 5.0
    /// Samples that are kept: those of 30 minutes.
    public static let capacity = 360

    private struct Ring {
        var values: [Float]
        /// Samples taken since the start.
        var count = 0
        var before: TrafficTotals?
        var latestTime = 0.0
    }

    public let loopCount: Int
    private let width: Int
    private let ring: Mutex<Ring>

    /// - Parameter loops: number of event loops.
    public init(loops: Int) {
        loopCount = max(0, loops)
        width = HistorySample.names.count + loopCount
        ring = Mutex(Ring(values: [Float](repeating: 0, count: width * Self.capacity)))
    }

    /// Bytes that the samples take, however long the gateway runs.
    public var byteCount: Int { width * Self.capacity * MemoryLayout<Float>.size }

    /// Adds what was counted since the last call. The first call has nothing to compare with, and adds nothing.
    ///
    /// - Parameters:
    ///   - totals: the counters now.
    ///   - time: seconds since 1970.
    ///   - seconds: since the last call, by a clock that is never set.
    public func record(_ totals: TrafficTotals, at time: Double, after seconds: Double) {
        ring.withLock { ring in
            defer { ring.before = totals }
            guard let before = ring.before, seconds > 0 else { return }
            let sample = totals.sample(since: before, seconds: seconds)
            let row = sample.columns.prefix(width)
            let start = ring.count % Self.capacity * width
            for (offset, value) in row.enumerated() { ring.values[start + offset] = value.isFinite ? value : 0 }
            ring.count += 1
            ring.latestTime = time
        }
    }

    /// Samples, oldest first.
    public struct Rows: Equatable, Sendable {
        /// Samples taken since the start: what to ask with the next time.
        public var count: Int
        /// When the last one was taken, in seconds since 1970.
        public var time: Double
        /// One for each sample: the columns of ``HistorySample/names``, then the loads.
        public var rows: [[Float]]
    }

    /// Those that were taken after the first `count`, as far as they are kept.
    public func rows(after count: Int = 0) -> Rows {
        ring.withLock { ring in
            let first = max(min(max(0, count), ring.count), ring.count - Self.capacity)
            let rows = (first..<ring.count).map { number in
                let start = number % Self.capacity * width
                return Array(ring.values[start..<start + width])
            }
            return Rows(count: ring.count, time: ring.latestTime, rows: rows)
        }
    }
}

/// The counters of the whole process that the history is made of.
public struct TrafficTotals: Equatable, Sendable {
    public var active = 0
    public var opened: UInt64 = 0
    public var refused: UInt64 = 0
    public var closed: UInt64 = 0
    public var messagesFromClient: UInt64 = 0
    public var messagesToClient: UInt64 = 0
    public var bytesFromClient: UInt64 = 0
    public var bytesToClient: UInt64 = 0
    public var compressionBefore: UInt64 = 0
    public var compressionAfter: UInt64 = 0
    public var memory: UInt64 = 0
    public var loads: [Float] = []

    public init() {}

    func sample(since before: TrafficTotals, seconds: Double) -> HistorySample {
        // The counters of a removed route go with it, so that totals may fall.
        func rate(_ counter: KeyPath<TrafficTotals, UInt64>) -> Float {
            let (now, then) = (self[keyPath: counter], before[keyPath: counter])
            return now > then ? Float(Double(now - then) / seconds) : 0
        }
        var sample = HistorySample()
        sample.active = Float(active)
        sample.opened = rate(\.opened)
        sample.refused = rate(\.refused)
        sample.closed = rate(\.closed)
        sample.messagesFromClient = rate(\.messagesFromClient)
        sample.messagesToClient = rate(\.messagesToClient)
        sample.bytesFromClient = rate(\.bytesFromClient)
        sample.bytesToClient = rate(\.bytesToClient)
        sample.compressionBefore = rate(\.compressionBefore)
        sample.compressionAfter = rate(\.compressionAfter)
        sample.memory = Float(memory)
        sample.loads = loads
        return sample
    }
}
