import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

enum TCPListening {
    /// A socket that listens on an address, and that others of this user may join (SO_REUSEPORT).
    ///
    /// With SO_REUSEPORT from the beginning, bind lets it join a stranger's sockets too, who would then get some of
    /// the connections. So the first one of an address has it only once it listens. Set between bind and listen it
    /// would not do: SO_REUSEADDR lets two processes bind while neither listens, and listen then asks anew whether the
    /// address may be shared.
    ///
    /// - Parameter isShared: whether it joins sockets that are there.
    static func open(_ address: SocketAddress, backlog: Int32, isShared: Bool) throws -> CInt {
        let descriptor = try SocketCall.make(family: CInt(address.protocol.rawValue))
        do {
            // Connections of a process before this one may still be in TIME_WAIT.
            try SocketCall.set(SO_REUSEADDR, of: descriptor, named: "SO_REUSEADDR")
            if isShared { try share(descriptor) }
            try SocketCall.bind(descriptor, to: address)
            try SocketCall.check(listen(descriptor, backlog), "listen")
            if !isShared { try share(descriptor) }
            return descriptor
        } catch {
            SocketCall.close([descriptor])
            throw error
        }
    }

    private static func share(_ descriptor: CInt) throws {
        try SocketCall.set(SO_REUSEPORT, of: descriptor, named: "SO_REUSEPORT")
    }
}
