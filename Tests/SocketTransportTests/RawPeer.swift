import Foundation
import NIOCore

@testable import SocketTransport

/// The other end of a connection, as a descriptor that does not block.
final class RawPeer {
    private(set) var descriptor: CInt

    init(_ descriptor: CInt) throws {
        self.descriptor = descriptor
        try SystemCall.setNonBlocking(descriptor)
    }

    deinit { close() }

    /// - Returns: two descriptors, joined as unix sockets.
    private static func ends() throws -> (CInt, CInt) {
        var ends: [CInt] = [-1, -1]
        try SystemCall.check(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends), "socketpair")
        return (ends[0], ends[1])
    }

    /// - Returns: two peers, joined as unix sockets.
    static func pair() throws -> (RawPeer, RawPeer) {
        let (one, other) = try ends()
        return (try RawPeer(one), try RawPeer(other))
    }

    /// - Returns: a socket of a loop, not open yet, and its peer, joined as unix sockets.
    static func joined(to loop: SocketEventLoop) throws -> (StreamSocket, RawPeer) {
        let (own, other) = try ends()
        let peer = try RawPeer(other)
        try SystemCall.setNonBlocking(own)
        return (StreamSocket(own, on: loop), peer)
    }

    /// The same over TCP.
    static func connected(to loop: SocketEventLoop) throws -> (StreamSocket, RawPeer) {
        let listener = try Listener(.init(ipAddress: "127.0.0.1", port: 0))
        let own = try listener.connected()
        let accepted = try SystemCall.check(accept(listener.descriptor, nil, nil), "accept")
        let peer = try RawPeer(accepted)
        try SystemCall.setNonBlocking(own)
        return (StreamSocket(own, on: loop), peer)
    }

    /// - Returns: how many bytes the kernel has taken.
    @discardableResult
    func write(_ bytes: some Collection<UInt8>) -> Int {
        Array(bytes).withUnsafeBytes { max(0, SystemCall.write(descriptor, $0, isSocket: true)) }
    }

    func write(_ text: String) { write(Array(text.utf8)) }

    /// What is there now, up to `limit` bytes.
    func read(limit: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count < limit {
            let room = min(buffer.count, limit - bytes.count)
            let count = buffer.withUnsafeMutableBytes {
                SystemCall.read(descriptor, UnsafeMutableRawBufferPointer(rebasing: $0[..<room]))
            }
            if count <= 0 {
                hasSeenEnd = count == 0
                return bytes
            }
            bytes += buffer[..<count]
        }
        return bytes
    }

    func text() -> String { String(decoding: read(), as: UTF8.self) }

    /// The last read has met the end of the input.
    private(set) var hasSeenEnd = false

    func end() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Ends the connection by RST.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Foundation.linger>.size))
        close()
    }

    func close() {
        if descriptor >= 0 { SystemCall.close(descriptor) }
        descriptor = -1
    }
}

/// A listening socket.
final class Listener {
    let descriptor: CInt
    let address: SocketAddress
    private var isOurs = true

    init(_ address: SocketAddress, backlog: CInt = 64) throws {
        let own = try SystemCall.check(
            socket(CInt(address.protocol.rawValue), CInt(SOCK_STREAM.rawValue), 0), "socket")
        try address.withSockAddr { address, size in
            _ = try SystemCall.check(bind(own, address, socklen_t(size)), "bind")
        }
        try SystemCall.check(listen(own, backlog), "listen")
        descriptor = own
        self.address = SystemCall.address { getsockname(own, $0, $1) } ?? address
    }

    deinit { if isOurs { SystemCall.close(descriptor) } }

    /// The descriptor, for whoever closes it from now on.
    func handOver() throws -> CInt {
        try SystemCall.setNonBlocking(descriptor)
        isOurs = false
        return descriptor
    }

    /// A descriptor that is connected to it.
    func connected() throws -> CInt {
        let own = try SystemCall.check(socket(CInt(address.protocol.rawValue), CInt(SOCK_STREAM.rawValue), 0), "socket")
        try address.withSockAddr { address, size in
            _ = try SystemCall.check(connect(own, address, socklen_t(size)), "connect")
        }
        return own
    }
}
