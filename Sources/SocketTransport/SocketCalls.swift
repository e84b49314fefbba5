import CLinux

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The calls of the system that carry bytes and connections. Each fails as the system's own do: its result is -1, and
/// `errno` says why.
///
/// Tests override them, to have what a kernel does at rare moments at any moment.
class SocketCalls {
    /// read(2).
    func read(_ descriptor: CInt, _ memory: UnsafeMutableRawBufferPointer) -> Int {
        SystemCall.read(descriptor, memory)
    }

    /// Whether the kernel holds bytes of the peer that were not read (recv(2), MSG_PEEK).
    func hasUnread(_ descriptor: CInt) -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, CInt(MSG_PEEK | MSG_DONTWAIT)) > 0
    }

    /// send(2) without SIGPIPE for a socket, write(2) for a pipe.
    func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer, isSocket: Bool) -> Int {
        SystemCall.write(descriptor, bytes, isSocket: isSocket)
    }

    /// shutdown(2) of the sending half.
    func endOutput(_ descriptor: CInt) { _ = shutdown(descriptor, CInt(SHUT_WR)) }

    /// accept4(2); the connection does not block.
    func accept(_ descriptor: CInt) -> CInt {
        accept4(descriptor, nil, nil, CInt(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
    }
}
