#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The last file descriptors of the process, which connections to servers may not take.
///
/// A client that is accepted with one of them is told that there is none for a connection to a server. Without them the
/// last free descriptors would go to such connections, and clients would wait unanswered in the kernel's queue.
public struct DescriptorReserve: Sendable {
    /// The number of the first of them, as the kernel gives out the least number that is free.
    let first: CInt

    init(first: CInt) { self.first = first }

    /// Of the limit in force (`RLIMIT_NOFILE`): a sixteenth, at most 64.
    public static func ofProcess() -> DescriptorReserve {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return DescriptorReserve(first: .max)
        }
        return DescriptorReserve(limit: UInt64(limit.rlim_cur))
    }

    init(limit: UInt64) { self.init(first: CInt(clamping: limit - min(64, limit / 16))) }

    public func contains(_ descriptor: CInt) -> Bool { descriptor >= first }
}

extension StreamSocket {
    /// Whether it has one of the process's last descriptors: there is none for a connection to a server.
    public var usesReserve: Bool { loop.reserve.contains(descriptor) }
}

extension SocketChannel {
    /// Whether it has one of the process's last descriptors: there is none for a connection to a server.
    public var usesReserve: Bool { socket?.usesReserve ?? false }
}
