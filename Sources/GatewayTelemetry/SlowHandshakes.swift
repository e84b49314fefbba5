/// One handshake, and how long it took.
public struct HandshakeRecord: Encodable, Equatable, Sendable {
    public var seconds: Double
    /// Seconds since 1970.
    public var time: Double
    public var client: String
    public var server: String
    public var requestID: String

    public init(seconds: Double, time: Double, client: String, server: String, requestID: String) {
        self.seconds = seconds
        self.time = time
        self.client = client
        self.server = server
        self.requestID = requestID
    }

    enum CodingKeys: String, CodingKey {
        case seconds, time, client, server
        case requestID = "request_id"
    }
}

/// The slowest handshakes of the last hour.
struct SlowHandshakes: Sendable {
    /// How many are kept.
    static let capacity = 8
    /// Seconds after which one is forgotten.
    static let memory = 3600.0

    private(set) var records: [HandshakeRecord] = []

    /// Whether a handshake of this duration, in seconds, would be kept.
    func keeps(_ seconds: Double, now: Double) -> Bool {
        guard records.count >= Self.capacity, let fastest = records.last else { return true }
        return seconds > fastest.seconds || records.contains { now - $0.time > Self.memory }
    }

    mutating func add(_ record: HandshakeRecord) {
        records.removeAll { record.time - $0.time > Self.memory }
        records.append(record)
        records.sort { $0.seconds > $1.seconds }
        if records.count > Self.capacity { records.removeLast(records.count - Self.capacity) }
    }
}
