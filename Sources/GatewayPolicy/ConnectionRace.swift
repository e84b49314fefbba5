public import NIOCore

/// When to try which of several addresses (RFC 8305 §5): one after the other, the next as soon as one fails, and at the
/// latest when the Connection Attempt Delay is over. Attempts go on beside each other, and the first that connects wins.
public struct ConnectionRace: Sendable {
    /// How long an attempt is waited for before the next begins, as RFC 8305 §8 recommends.
    public static let attemptDelay = TimeAmount.milliseconds(250)

    public enum Step: Equatable, Sendable {
        /// Begin an attempt at the address of this number, and ask again.
        case begin(Int)
        /// Ask again at this time, or when an attempt has ended.
        case wait(until: NIODeadline)
        /// Ask again when an attempt has ended.
        case waitForAttempts
        /// Every attempt has failed.
        case lost
    }

    private let count: Int
    private var next = 0
    private var running: Set<Int> = []
    private var mayBeginAt = NIODeadline.distantPast

    /// - Parameter count: of addresses.
    public init(count: Int) {
        self.count = count
    }

    /// What to do now.
    public mutating func step(now: NIODeadline) -> Step {
        guard next < count else { return running.isEmpty ? .lost : .waitForAttempts }
        guard running.isEmpty || now >= mayBeginAt else { return .wait(until: mayBeginAt) }
        defer { next += 1 }
        running.insert(next)
        mayBeginAt = now + Self.attemptDelay
        return .begin(next)
    }

    /// The attempt at that address has failed: the next need not wait.
    public mutating func failed(_ attempt: Int) {
        guard running.remove(attempt) != nil else { return }
        mayBeginAt = .distantPast
    }
}
