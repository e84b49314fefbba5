import Foundation
import Synchronization

/// A clock that goes when it is told to.
final class TestClock: Sendable {
    private let instant = Mutex(ContinuousClock.now)
    private let wall = Mutex(Int64(Date().timeIntervalSince1970))

    var now: ContinuousClock.Instant { instant.withLock { $0 } }
    /// Since 1970-01-01.
    var seconds: Int64 { wall.withLock { $0 } }

    func advance(hours: Int) {
        instant.withLock { $0 += .seconds(hours * 3600) }
        wall.withLock { $0 += Int64(hours) * 3600 }
    }
}
