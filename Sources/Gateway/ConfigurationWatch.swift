import GatewayNIO
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Finds out when the configuration has changed: its file, or one of those it names.
///
/// It looks again and again, as notifications of the kernel say nothing about network file systems, and about links only
/// what happens in the last folder. A change counts once two looks in a row find the same, so that a file that is being
/// written is left to its writer; and only while there is a configuration file.
public struct ConfigurationWatch: Sendable {
    /// How often the files are looked at.
    public static let interval = Duration.seconds(1)

    private let file: String
    /// What was there when it was last read, by path. A path that leads nowhere has nil.
    private var known: [String: FileStamp?]
    /// What the last look found, where it differs.
    private var candidate: [String: FileStamp?]?
    private var lastLook: [Int]

    /// To be made before the configuration is read: what changes while it is read counts as a change.
    ///
    /// - Parameter file: of the configuration.
    public init(file: String) {
        self.init(file: file, stamp: FileStamp(path: file), at: Self.now())
    }

    /// - Parameter time: seconds and nanoseconds since 1970.
    init(file: String, stamp: FileStamp?, at time: [Int]) {
        self.file = file
        known = [file: stamp]
        lastLook = time
    }

    /// Takes what a look has found; true: the files have changed and are to be read again.
    ///
    /// - Parameters:
    ///   - stamps: of the files that the configuration names now; the list may differ from look to look.
    ///   - time: when the look began, in seconds and nanoseconds since 1970.
    mutating func look(_ stamps: [String: FileStamp?], at time: [Int]) -> Bool {
        let earlier = lastLook
        lastLook = time
        known = known.filter { stamps.keys.contains($0.key) }
        for (path, stamp) in stamps where known[path] == nil {
            // It was read between the last look and this one. What has changed since the last look may have done so
            // behind the reader's back: reading it once more does no harm.
            known.updateValue(stamp.flatMap { $0.changed(since: earlier) ? nil : $0 }, forKey: path)
        }
        guard stamps != known else {
            candidate = nil
            return false
        }
        guard stamps == candidate, let stamp = stamps[file], stamp != nil else {
            candidate = stamps
            return false
        }
        candidate = nil
        known = stamps
        return true
    }

    /// Looks once. Blocks.
    ///
    /// - Parameter others: the files that the configuration names, without itself.
    /// - Returns: whether the files have changed and are to be read again.
    public mutating func look(others: [String]) -> Bool {
        let time = Self.now()
        var stamps: [String: FileStamp?] = [:]
        for path in [file] + others { stamps.updateValue(FileStamp(path: path), forKey: path) }
        return look(stamps, at: time)
    }

    /// Looks every `interval` until nobody listens any more. Changes that come while one is being dealt with are told as
    /// one.
    ///
    /// - Parameter others: the files that the configuration in force names, without itself; asked before each look.
    public func changes(
        every interval: Duration = interval, others: @escaping @Sendable () -> [String]
    ) -> AsyncStream<Void> {
        let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let task = Task {
            var watch = self
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                let before = watch
                // A file system that hangs holds up a thread that is there for it.
                let look = try? await NIOThreadPool.singleton.runIfActive { () -> (ConfigurationWatch, Bool) in
                    var after = before
                    let hasChanged = after.look(others: others())
                    return (after, hasChanged)
                }
                guard let look, !Task.isCancelled else { continue }
                watch = look.0
                if look.1 { change.yield() }
            }
        }
        change.onTermination = { _ in task.cancel() }
        return changes
    }

    /// By the clock that the kernel stamps files with, which may be one tick behind the precise one.
    private static func now() -> [Int] {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return [time.tv_sec, time.tv_nsec]
    }
}
