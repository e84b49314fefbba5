/// How a server stands by its checks: so many have to fail, or to pass, in a row before that changes.
public struct ServerHealth: Equatable, Sendable {
    public enum Standing: String, Sendable {
        /// No check has passed yet, and too few have failed. The server gets connections.
        case unknown
        case healthy
        /// It gets none.
        case unhealthy
    }

    /// How one check went.
    public struct Outcome: Equatable, Sendable {
        /// nil: it passed.
        public var failure: String?
        /// How long it took.
        public var seconds: Double

        /// - Parameter failure: why it failed, in words for whoever runs the gateway; nil: it passed.
        public init(failure: String?, seconds: Double) {
            self.failure = failure
            self.seconds = seconds
        }

        public var hasPassed: Bool { failure == nil }
    }

    public private(set) var standing = Standing.unknown
    /// The latest check; nil: none yet.
    public private(set) var latest: Outcome?
    /// Checks in a row that contradict the standing.
    private var contradictions = 0

    public init() {}

    /// - Parameters:
    ///   - unhealthyAfter: failures in a row; at least 1.
    ///   - healthyAfter: passes in a row; at least 1. The first check of all that passes is enough by itself.
    public mutating func note(_ outcome: Outcome, unhealthyAfter: Int, healthyAfter: Int) {
        latest = outcome
        switch (standing, outcome.hasPassed) {
        case (.unknown, true):
            change(to: .healthy)
        case (.healthy, true), (.unhealthy, false):
            contradictions = 0
        case (.unknown, false), (.healthy, false):
            contradictions += 1
            if contradictions >= unhealthyAfter { change(to: .unhealthy) }
        case (.unhealthy, true):
            contradictions += 1
            if contradictions >= healthyAfter { change(to: .healthy) }
        }
    }

    private mutating func change(to standing: Standing) {
        self.standing = standing
        contradictions = 0
    }

    /// What comes is counted anew; the standing remains.
    public mutating func forgetRow() { contradictions = 0 }
}
