#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Tells systemd how the process is doing, as sd_notify(3) describes: datagrams to the socket in `NOTIFY_SOCKET`.
///
/// Nothing here waits or fails: a message that systemd can't take at once is lost, as nobody's connections may depend
/// on it. The socket is opened once, so that a process without a free descriptor can still say that it is alive.
public final class SystemdNotifier: Sendable {
    private let address: [UInt8]
    private let descriptor: CInt

    /// nil: systemd doesn't want to be told, or its socket is of a kind that is not known here (a path or, with `@`, an
    /// abstract name is).
    public init?(environment: [String: String]) {
        guard let name = environment["NOTIFY_SOCKET"], let address = Self.address(name) else { return nil }
        let kind = CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return nil }
        self.address = address
    }

    deinit { close(descriptor) }

    /// Every listener is open.
    public func ready() { send(["READY=1"]) }

    /// A reload has begun; `ready` ends it.
    public func reloading() { send(["RELOADING=1", "MONOTONIC_USEC=\(Self.monotonicMicroseconds())"]) }

    /// A drain has begun.
    public func stopping() { send(["STOPPING=1"]) }

    /// One line for `systemctl status`.
    public func status(_ text: String) { send(["STATUS=\(Self.line(text))"]) }

    /// The process is alive; to be said every `watchdogInterval`.
    public func watchdog() { send(["WATCHDOG=1"]) }

    /// Another process is the service's main one from now on. systemd believes it with `NotifyAccess=all` or `exec`
    /// where it does not come from the main process itself.
    public func mainProcess(_ id: Int32) { send(["MAINPID=\(id)"]) }

    /// How often `watchdog` is to be called: half of what systemd waits for it. nil: it does not wait.
    ///
    /// - Parameters:
    ///   - environment: `WATCHDOG_USEC`, and `WATCHDOG_PID` where it is for one process.
    ///   - processID: of this process.
    public static func watchdogInterval(environment: [String: String], processID: Int32) -> Duration? {
        if let process = environment["WATCHDOG_PID"], Int32(process) != processID { return nil }
        guard let microseconds = environment["WATCHDOG_USEC"].flatMap(Int64.init), microseconds > 1 else { return nil }
        return .microseconds(microseconds / 2)
    }

    // MARK: The socket

    private func send(_ assignments: [String]) {
        let message = Array(assignments.joined(separator: "\n").utf8)
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: address) }
        // An abstract name ends with the length, a path with the zero behind it.
        let isAbstract = address.first == 0
        let length = MemoryLayout<sa_family_t>.size + address.count + (isAbstract ? 0 : 1)
        withUnsafePointer(to: target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                let flags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)
                _ = sendto(descriptor, message, message.count, flags, pointer, socklen_t(length))
            }
        }
    }

    /// What goes into `sun_path`, without the zero that ends a path.
    private static func address(_ name: String) -> [UInt8]? {
        var bytes = Array(name.utf8)
        let room = MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        guard bytes.count > 1, bytes.count < room, !bytes.contains(0) else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "/"): return bytes
        case UInt8(ascii: "@"):
            bytes[0] = 0
            return bytes
        default: return nil
        }
    }

    /// A line feed would begin another assignment.
    private static func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    private static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
