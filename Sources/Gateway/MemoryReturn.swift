import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Gives the memory of connections that have ended, and of compressors that were given up, back to the system.
///
/// glibc keeps what was freed in its arenas, and after a mass disconnect that is tens of KiB a connection which the next
/// thousands may never need. Trimming costs milliseconds, so it happens off the event loops, and only once many
/// connections have gone, or some and then none: whoever reads the memory of a process that has become quiet is to see
/// soon what it really takes.
struct MemoryReturn {
    /// How often to look.
    static let interval = Duration.milliseconds(500)
    /// How long not to look once memory was given back: a crowd that leaves may take seconds for that.
    static let rest = Duration.seconds(1)
    /// What a compressor takes, as far as it matters here: bytes.
    static let compressor = 32 * 1024
    /// Fewer than these are not worth it while others come and go…
    private static let leastEnded = 64
    /// …and fewer than these never.
    private static let leastSettled = 16

    /// The most connections there were since memory was last given back.
    private var peak = 0
    /// How many there were at the last look.
    private var latest = 0

    /// Whether a quarter of the connections there were, and no fewer than 64, have gone since it last said so; or 16,
    /// and none has come or gone since the last look.
    ///
    /// - Parameters:
    ///   - connections: there are now.
    ///   - latestPeak: the most there were since the last look, which may all have come and gone in between.
    mutating func isDue(connections: Int, latestPeak: Int) -> Bool {
        peak = max(peak, latestPeak, connections)
        let isSettled = latestPeak <= connections && connections == latest
        latest = connections
        let gone = peak - connections
        guard gone >= max(Self.leastEnded, peak / 4) || isSettled && gone >= Self.leastSettled else { return false }
        peak = connections
        return true
    }

    /// Looks again and again until the task is cancelled.
    ///
    /// - Parameter counts: of each kind of connection that holds memory, how many there are, and the most there were
    ///   since it was last asked.
    static func run(_ counts: [@Sendable () -> (now: Int, peak: Int)]) async {
        var kinds = counts.map { (memory: MemoryReturn(), count: $0) }
        var pause = interval
        while (try? await Task.sleep(for: pause)) != nil {
            var isDue = false
            for index in kinds.indices {
                let (now, peak) = kinds[index].count()
                if kinds[index].memory.isDue(connections: now, latestPeak: peak) { isDue = true }
            }
            pause = isDue ? rest : interval
            guard isDue else { continue }
            try? await NIOThreadPool.singleton.runIfActive { trim() }
        }
    }

    /// `int malloc_trim(size_t)`, the signature glibc has had since it has the function; no outside data comes near it.
    /// Looked up by name: Swift's Glibc module leaves malloc.h out, and other C libraries have no such function.
    private static func trim() {
        typealias Trim = @convention(c) (Int) -> CInt
        guard let symbol = dlsym(nil, "malloc_trim") else { return }
        _ = unsafeBitCast(symbol, to: Trim.self)(0)
    }
}
