import Synchronization

/// One request of those that a bucket of a histogram has counted: by its identifier it is found in the log.
public struct Exemplar: Equatable, Sendable {
    /// As `X-Request-Id` has it.
    public var requestID: String
    /// How long it took.
    public var seconds: Double
    /// When it was counted, in seconds since 1970.
    public var time: Double

    public init(requestID: String, seconds: Double, time: Double) {
        self.requestID = requestID
        self.seconds = seconds
        self.time = time
    }

    /// The most characters that names and values of an exemplar's labels may have together (OpenMetrics 1.0.0).
    private static let longest = 128

    var isWritable: Bool { "request_id".count + requestID.unicodeScalars.count <= Self.longest }
}

/// The latest request of each bucket of a ``DurationHistogram``. Any thread.
final class Exemplars: Sendable {
    private let latest = Mutex([Exemplar?](repeating: nil, count: DurationHistogram.bounds.count + 1))

    func note(_ exemplar: Exemplar, microseconds: UInt64) {
        let bucket = DurationHistogram.bucket(of: microseconds)
        latest.withLock { $0[bucket] = exemplar }
    }

    var all: [Exemplar?] { latest.withLock { $0 } }
}
