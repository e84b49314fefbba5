import GatewayTelemetry
import NIOCore
import PerMessageDeflate
import SocketTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How much of its time an event loop's thread is at work. Touched by that thread alone.
///
/// The kernel counts a thread's time anyway: asking for it every few seconds costs the way of messages nothing.
final class LoopLoad {
    private let counters: LoopCounters
    private var latest: (work: Int, time: NIODeadline)?

    init(_ counters: LoopCounters) { self.counters = counters }

    /// Counts the load since the last call.
    func measure(now: NIODeadline = .now()) {
        var used = timespec()
        guard clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0 else { return }
        let work = used.tv_sec &* 1_000_000_000 &+ used.tv_nsec
        defer { latest = (work, now) }
        guard let latest else { return }
        let passed = Double((now - latest.time).nanoseconds)
        guard passed > 0 else { return }
        let share = Double(work &- latest.work) / passed
        counters.load.set(Int(min(1, max(0, share)) * 1000))
    }
}

extension GatewayServer {
    /// Has every loop measure its load, and forget messages that were compressed for many a while ago. Does not wait for
    /// them: one that is busy does so when it has come to it.
    public func tendLoops() {
        for loop in loops {
            loop.eventLoop.execute {
                let context = loop.context.value
                context.load.measure()
                context.zlib.forgetExpired(now: .now())
            }
        }
    }
}
