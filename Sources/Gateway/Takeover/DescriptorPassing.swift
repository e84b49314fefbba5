import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Bytes and file descriptors through a unix stream socket (SCM_RIGHTS, unix(7)); each call is one message, and waits
/// for nothing.
///
/// The macros that lay out control messages (cmsg(3)) don't exist in Swift: a header, aligned as a machine word, then
/// its descriptors.
enum DescriptorPassing {
    /// The most that the kernel passes with one message (SCM_MAX_FD).
    static let mostPerMessage = 253

    private static let alignment = MemoryLayout<Int>.alignment
    private static let headerSize = aligned(MemoryLayout<cmsghdr>.size)
    private static let rights = CInt(SCM_RIGHTS)

    private static func aligned(_ size: Int) -> Int { (size + alignment - 1) & ~(alignment - 1) }

    /// - Parameter descriptors: at most `mostPerMessage`; they go with the first byte, and stay open here.
    /// - Returns: how many bytes went, one at least.
    /// - Throws: `IOError`; EAGAIN when the other side has to read first, and then no descriptor went either.
    static func send(_ bytes: ArraySlice<UInt8>, with descriptors: ArraySlice<CInt>, to socket: CInt) throws -> Int {
        let payload = descriptors.count * MemoryLayout<CInt>.size
        var control = words(descriptors.isEmpty ? 0 : headerSize + aligned(payload))
        return try bytes.withUnsafeBytes { bytes in
            try control.withUnsafeMutableBytes { control in
                if let base = control.baseAddress, !descriptors.isEmpty {
                    var header = cmsghdr()
                    header.cmsg_len = numericCast(headerSize + payload)
                    header.cmsg_level = SOL_SOCKET
                    header.cmsg_type = rights
                    base.storeBytes(of: header, as: cmsghdr.self)
                    descriptors.withUnsafeBytes {
                        UnsafeMutableRawBufferPointer(rebasing: control[headerSize...]).copyMemory(from: $0)
                    }
                }
                var vector = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
                return try withUnsafeMutablePointer(to: &vector) { vector in
                    var message = header(vector, control)
                    return try retrying("sendmsg") {
                        sendmsg(socket, &message, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
                    }
                }
            }
        }
    }

    /// What is there, or nothing at the end of the connection.
    ///
    /// - Returns: bytes, and the descriptors that came with them: the caller's to close, not passed on to child
    ///   processes.
    /// - Throws: `IOError`; EAGAIN when nothing is there, EMSGSIZE when descriptors were lost on the way, since this
    ///   process can't have so many: those that came are closed.
    static func receive(
        from socket: CInt, atMost size: Int, mostDescriptors: Int = mostPerMessage
    ) throws -> (bytes: [UInt8], descriptors: [CInt]) {
        var control = words(headerSize + aligned(mostDescriptors * MemoryLayout<CInt>.size))
        var descriptors: [CInt] = []
        var isTruncated = false
        let bytes = try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            try control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: buffer.baseAddress, iov_len: size)
                try withUnsafeMutablePointer(to: &vector) { vector in
                    var message = header(vector, control)
                    count = try retrying("recvmsg") {
                        recvmsg(
                            socket, &message, CInt(MSG_CMSG_CLOEXEC) | CInt(MSG_DONTWAIT))
                    }
                    descriptors = rights(in: UnsafeRawBufferPointer(control).prefix(Int(message.msg_controllen)))
                    isTruncated = message.msg_flags & CInt(MSG_CTRUNC) != 0
                }
            }
        }
        guard !isTruncated else {
            for descriptor in descriptors { close(descriptor) }
            throw IOError(
                errnoCode: EMSGSIZE,
                reason:
                    "the system dropped some descriptors; raise the limit of open files, for instance with ulimit -n")
        }
        return (bytes, descriptors)
    }

    /// Zeroed, and aligned as control messages have to be.
    private static func words(_ size: Int) -> [UInt] {
        [UInt](repeating: 0, count: size / MemoryLayout<UInt>.size)
    }

    private static func header(
        _ vector: UnsafeMutablePointer<iovec>, _ control: UnsafeMutableRawBufferPointer
    ) -> msghdr {
        var message = msghdr()
        message.msg_iov = vector
        message.msg_iovlen = 1
        message.msg_control = control.isEmpty ? nil : control.baseAddress
        message.msg_controllen = numericCast(control.count)
        return message
    }

    /// The descriptors of every control message that carries some.
    private static func rights(in control: Slice<UnsafeRawBufferPointer>) -> [CInt] {
        let control = UnsafeRawBufferPointer(rebasing: control)
        var descriptors: [CInt] = []
        var start = 0
        while start + headerSize <= control.count {
            let header = control.loadUnaligned(fromByteOffset: start, as: cmsghdr.self)
            let length = Int(header.cmsg_len)
            guard length >= headerSize, length <= control.count - start else { break }
            if header.cmsg_level == SOL_SOCKET, header.cmsg_type == rights {
                let size = MemoryLayout<CInt>.size
                for offset in stride(from: start + headerSize, through: start + length - size, by: size) {
                    descriptors.append(control.loadUnaligned(fromByteOffset: offset, as: CInt.self))
                }
            }
            start += aligned(length)
        }
        return descriptors
    }

    private static func retrying(_ step: String, _ call: () -> Int) throws -> Int {
        while true {
            let result = call()
            if result >= 0 { return result }
            if errno != EINTR { throw IOError(errnoCode: errno, reason: step) }
        }
    }
}
