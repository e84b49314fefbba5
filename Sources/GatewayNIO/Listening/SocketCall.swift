import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// System calls on listening sockets, whose failures become errors that name the step.
enum SocketCall {
    /// - Throws: `IOError` with the step as its reason when the call failed.
    @discardableResult
    static func check(_ result: CInt, _ step: String) throws -> CInt {
        guard result < 0 else { return result }
        throw IOError(errnoCode: errno, reason: step)
    }

    /// A stream socket that no child process gets and no call waits on.
    static func make(family: CInt) throws -> CInt {
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        return try check(socket(family, kind, 0), "socket")
    }

    static func bind(_ descriptor: CInt, to address: SocketAddress) throws {
        try check(address.withSockAddr { systemBind(descriptor, $0, socklen_t($1)) }, "bind")
    }

    static func set(_ option: CInt, of descriptor: CInt, named name: String) throws {
        var on: CInt = 1
        try check(
            setsockopt(descriptor, SOL_SOCKET, option, &on, socklen_t(MemoryLayout<CInt>.size)), "setsockopt \(name)")
    }

    /// nil: it is no socket, or has no such option.
    static func option(_ option: CInt, of descriptor: CInt) -> CInt? {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        return getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 ? value : nil
    }

    /// Where a socket is bound. nil for a family other than IP and unix.
    static func address(of descriptor: CInt) throws -> SocketAddress? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return try withUnsafeMutablePointer(to: &storage) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = try check(getsockname(descriptor, $0, &size), "getsockname")
            }
            let bytes = UnsafeRawPointer(pointer)
            switch CInt(pointer.pointee.ss_family) {
            case AF_INET: return SocketAddress(bytes.loadUnaligned(as: sockaddr_in.self))
            case AF_INET6: return SocketAddress(bytes.loadUnaligned(as: sockaddr_in6.self))
            case AF_UNIX: return SocketAddress(bytes.loadUnaligned(as: sockaddr_un.self))
            default: return nil
            }
        }
    }

    static func close(_ descriptors: [CInt]) {
        for descriptor in descriptors { systemClose(descriptor) }
    }
}

/// `bind` and `close` are this type's own words as well.
private func systemBind(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
    bind(descriptor, address, size)
}

private func systemClose(_ descriptor: CInt) { close(descriptor) }
