import Synchronization

/// What was asked for and takes its time, such as the drain of a server: for whoever wants to see how far it is.
public final class Operations: Sendable {
    /// One of them.
    public final class Operation: Sendable {
        let number: UInt64
        let kind: String
        let subject: String
        let total: Int
        let perSecond: Double?
        /// WebSockets that were told to go.
        public let told = SharedGauge()

        init(number: UInt64, kind: String, subject: String, total: Int, perSecond: Double?) {
            self.number = number
            self.kind = kind
            self.subject = subject
            self.total = total
            self.perSecond = perSecond
        }
    }

    public struct Snapshot: Encodable, Equatable, Sendable {
        public var id: UInt64
        /// `close`, `drain server`, `rebalance` or `reload`.
        public var kind: String
        /// Whose WebSockets end.
        public var subject: String
        /// WebSockets that are to end.
        public var total: Int
        /// WebSockets that were told so far.
        public var told: Int
        /// WebSockets a second; nil: all at once.
        public var perSecond: Double?

        enum CodingKeys: String, CodingKey {
            case id, kind, subject, total, told
            case perSecond = "per_second"
        }
    }

    /// Those that are shown at once; more run unseen.
    static let maximum = 64

    private struct State {
        var lastNumber: UInt64 = 0
        var running: [UInt64: Operation] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// Any thread. It is shown until ``end(_:)``.
    public func begin(_ kind: String, subject: String, total: Int, perSecond: Double?) -> Operation {
        state.withLock { state in
            state.lastNumber &+= 1
            let operation = Operation(
                number: state.lastNumber, kind: kind, subject: subject, total: total, perSecond: perSecond)
            if state.running.count < Self.maximum { state.running[operation.number] = operation }
            return operation
        }
    }

    public func end(_ operation: Operation) { state.withLock { $0.running[operation.number] = nil } }

    /// Oldest first.
    public var snapshots: [Snapshot] {
        state.withLock { $0.running.values.sorted { $0.number < $1.number } }.map {
            Snapshot(
                id: $0.number, kind: $0.kind, subject: $0.subject, total: $0.total, told: min($0.total, $0.told.value),
                perSecond: $0.perSecond)
        }
    }
}
