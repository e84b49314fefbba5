import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

enum SystemCall {
    /// - Throws: `IOError` where the result says that the call failed.
    @discardableResult
    static func check(_ result: CInt, _ name: StaticString) throws -> CInt {
        guard result < 0 else { return result }
        throw IOError(errnoCode: errno, reason: "\(name)")
    }

    static func close(_ descriptor: CInt) {
        #if canImport(Glibc)
            _ = Glibc.close(descriptor)
        #elseif canImport(Musl)
            _ = Musl.close(descriptor)
        #endif
    }

    static func read(_ descriptor: CInt, _ memory: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, memory.baseAddress, memory.count)
        #elseif canImport(Musl)
            Musl.read(descriptor, memory.baseAddress, memory.count)
        #endif
    }

    static func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer, isSocket: Bool) -> Int {
        if isSocket { return send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL)) }
        #if canImport(Glibc)
            return Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            return Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    static func setOption(_ descriptor: CInt, level: CInt, name: CInt, value: CInt) throws {
        var value = value
        try check(setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<CInt>.size)), "setsockopt")
    }

    static func option(_ descriptor: CInt, level: CInt, name: CInt) throws -> CInt {
        var value: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        try check(getsockopt(descriptor, level, name, &value, &size), "getsockopt")
        return value
    }

    static func setNonBlocking(_ descriptor: CInt) throws {
        let flags = try check(fcntl(descriptor, F_GETFL), "fcntl")
        try check(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK), "fcntl")
    }

    /// The address that `getsockname`, `getpeername` or `accept4` fills in; nil for a family that is none of IPv4, IPv6
    /// and unix, and where the call fails.
    static func address(_ fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt)
        -> SocketAddress?
    {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                fill(address, &size) < 0 ? nil : socketAddress(UnsafeRawPointer(storage))
            }
        }
    }

    private static func socketAddress(_ pointer: UnsafeRawPointer) -> SocketAddress? {
        // Every address begins with its family.
        switch CInt(pointer.load(as: sa_family_t.self)) {
        case AF_INET: SocketAddress(pointer.load(as: sockaddr_in.self))
        case AF_INET6: SocketAddress(pointer.load(as: sockaddr_in6.self))
        case AF_UNIX: SocketAddress(pointer.load(as: sockaddr_un.self))
        default: nil
        }
    }
}
