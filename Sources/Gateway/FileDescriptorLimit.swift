public import GatewayConfig
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How many files and sockets the process may have open at once. Every proxied connection takes two.
///
/// NIO and Dispatch end the process when there is none left for what they need themselves. So it is checked before
/// they ask: what is missing later than that is an error that can be told.
public enum FileDescriptorLimit {
    /// What Dispatch opens before the first task runs (epoll, eventfd, timerfd), and one to read a file.
    public static let neededByAnyCommand = 5
    /// An event loop's epoll, eventfd and timerfd.
    private static let perLoop = 3
    /// Three signals, Dispatch's timers, the look-up of an address, and one connection with its server.
    private static let neededBesides = 8

    /// Raises the soft limit to the hard one; returns the limit in force.
    @discardableResult
    public static func raise() -> UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        guard limit.rlim_cur < limit.rlim_max else { return UInt64(limit.rlim_cur) }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return UInt64(limit.rlim_cur)
    }

    /// Checks that a gateway of this configuration can start, before its event loops are made.
    ///
    /// - Throws: `StartError` when there are too few.
    public static func check(for configuration: GatewayConfiguration) throws {
        let loops = configuration.limits.loopCount
        let listening = configuration.listeners.reduce(configuration.admin == nil ? 0 : 1) { sum, listener in
            if case .unix = listener.address { sum + 1 } else { sum + loops }
        }
        let takeover = configuration.admin?.takeoverSocket == nil ? 0 : 1
        // The gateway keeps each listening socket beside the channel that accepts on it.
        try check(perLoop * loops + 2 * (listening + takeover) + neededBesides)
    }

    /// Checks that event loops can be made besides the gateway's own.
    ///
    /// - Throws: `StartError` when there are too few.
    public static func check(forLoops loops: Int) throws {
        try check(perLoop * loops + neededBesides)
    }

    /// Checks that so many more files can be opened.
    ///
    /// - Throws: `StartError` that says how many are needed, how many there are, and the remedy.
    public static func check(_ needed: Int) throws {
        guard case .tooFew(let free, let code) = probe(upTo: needed) else { return }
        let limit = raise()
        let remedy =
            code == EMFILE
            ? "the limit is \(limit); raise it to \(limit + UInt64(needed - free)) or more, for instance with ulimit -n"
            : "\(String(cString: strerror(code))); raise the system's limit, fs.file-max, or stop a process that has many open"
        throw StartError(
            description: "expected \(needed) free file descriptors at the start, found \(free): \(remedy)")
    }

    private enum Probe {
        case enough
        case tooFew(free: Int, code: CInt)
    }

    private static func probe(upTo count: Int) -> Probe {
        var opened: [CInt] = []
        defer { for descriptor in opened { close(descriptor) } }
        while opened.count < count {
            let descriptor = open("/", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                let code = errno
                // Any other code says nothing about descriptors.
                return code == EMFILE || code == ENFILE ? .tooFew(free: opened.count, code: code) : .enough
            }
            opened.append(descriptor)
        }
        return .enough
    }
}
