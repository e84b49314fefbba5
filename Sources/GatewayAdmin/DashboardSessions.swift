import Synchronization

/// Who has logged in with the admin token: random numbers that stand for it in cookies, kept in memory alone.
///
/// None of them says anything about the token. All are void once the token is another one, and with the process.
final class DashboardSessions: Sendable {
    /// Seconds after which a page has to log in again.
    static let lifetime = 12 * 3600.0
    /// Sessions at once; one more ends the oldest.
    static let maximum = 64
    /// Wrong tokens that may come at once, and how many a second after that.
    static let failuresAtOnce = 10.0
    static let failuresPerSecond = 0.2

    private struct Session {
        var id: [UInt8]
        var end: Double
    }

    private struct State {
        var token: String?
        var sessions: [Session] = []
        /// Wrong tokens that may still come, at the time of the last one.
        var allowance = DashboardSessions.failuresAtOnce
        var latestFailure = 0.0

        mutating func refill(now: Double) {
            let passed = max(0, now - latestFailure)
            allowance = min(
                DashboardSessions.failuresAtOnce, allowance + passed * DashboardSessions.failuresPerSecond)
            latestFailure = now
        }
    }

    private let state = Mutex(State())

    /// Sessions of another token end.
    func follow(token: String?) {
        state.withLock { state in
            if state.token != token { state.sessions = [] }
            state.token = token
        }
    }

    /// Whether a token may be tried now; false: too many were wrong. What is wrong counts with ``failed(now:)``.
    ///
    /// - Parameter now: seconds by a clock that is never set.
    func mayTry(now: Double) -> Bool {
        state.withLock { state in
            state.refill(now: now)
            return state.allowance >= 1
        }
    }

    func failed(now: Double) {
        state.withLock { state in
            state.refill(now: now)
            state.allowance = max(0, state.allowance - 1)
        }
    }

    /// A new session, as its cookie has it: 256 random bits in hexadecimal digits.
    func open(now: Double) -> String {
        var generator = SystemRandomNumberGenerator()
        let id = (0..<4).map { _ in RequestBits.text(generator.next()) }.joined()
        state.withLock { state in
            state.sessions.removeAll { $0.end <= now }
            if state.sessions.count >= Self.maximum { state.sessions.removeFirst() }
            state.sessions.append(Session(id: Array(id.utf8), end: now + Self.lifetime))
        }
        return id
    }

    /// Whether this is a session. Takes the same time wherever it is wrong.
    func isOpen(_ id: String, now: Double) -> Bool {
        let id = Array(id.utf8)
        return state.withLock { state in
            var isFound = false
            for session in state.sessions {
                let isEqual = ConstantTime.equal(session.id, id)
                if isEqual, session.end > now { isFound = true }
            }
            return isFound
        }
    }

    func close(_ id: String) {
        let id = Array(id.utf8)
        state.withLock { $0.sessions.removeAll { ConstantTime.equal($0.id, id) } }
    }
}

/// Comparison whose time says nothing about where two differ.
enum ConstantTime {
    static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

private enum RequestBits {
    /// 16 hexadecimal digits.
    static func text(_ bits: UInt64) -> String {
        let digits = String(bits, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
