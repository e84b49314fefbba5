import GatewayTLS
import NIOCore

/// The buffers that all sockets of one event loop share. A socket has none of its own while nothing waits.
final class LoopBuffers {
    /// The most that one read takes. A peer that sends more has the rest read in the next turn, after the other sockets.
    static let readSize = 64 * 1024

    /// What a record holds at most beyond the wire bytes of one read: the part of it that came before.
    private static let recordRest = 16_640

    /// Where the bytes of a read are put, or what they say in TLS.
    private var input = ByteBuffer()
    /// Where the bytes of a read are put that are TLS's.
    private let wire = UnsafeMutableRawBufferPointer.allocate(byteCount: readSize, alignment: 16)
    /// What the TLS connections of the loop make.
    let tls = TLSWorkspace()

    deinit { wire.deallocate() }

    /// Has a read put its bytes into the shared buffer.
    ///
    /// Whoever keeps what comes of it beyond the turn keeps all of the buffer, and the event loop makes itself another one.
    ///
    /// - Parameter read: gets `readSize` bytes of memory; its result is how many it has filled, nil for none.
    /// - Returns: what was read; nil where `read` has given nil.
    func fill(
        _ read: (UnsafeMutableRawBufferPointer) throws(IOError) -> Int?
    ) throws(IOError) -> ByteBuffer? {
        input.clear(minimumCapacity: Self.readSize)
        var result = Result<Int?, IOError>.success(nil)
        input.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.readSize) { memory in
            // There may be more of it, where TLS has put what it decrypts.
            let room = UnsafeMutableRawBufferPointer(rebasing: memory[..<Self.readSize])
            result = Result { () throws(IOError) in try read(room) }
            return (try? result.get()) ?? 0
        }
        return try result.get() == nil ? nil : input
    }

    /// Has a read fill the buffer for wire bytes.
    ///
    /// - Parameter limit: so many bytes are read at most.
    /// - Returns: what was read, valid until the next read of the loop; nil where `read` has given nil.
    func fillWire(
        limit: Int = readSize, _ read: (UnsafeMutableRawBufferPointer) throws(IOError) -> Int?
    ) throws(IOError) -> UnsafeRawBufferPointer? {
        let room = UnsafeMutableRawBufferPointer(rebasing: wire[..<min(limit, wire.count)])
        guard let count = try read(room) else { return nil }
        return UnsafeRawBufferPointer(rebasing: wire[..<count])
    }

    /// Has wire bytes decrypted into the shared buffer, which is as `fill` says.
    func decrypt(
        _ wire: UnsafeRawBufferPointer, by connection: TLSConnection
    ) throws(TLSFailure) -> (TLSReceived, ByteBuffer) {
        let room = connection.heldBytes + wire.count + Self.recordRest
        input.clear(minimumCapacity: Self.readSize + Self.recordRest)
        var result = Result<TLSReceived, TLSFailure>.success(TLSReceived())
        input.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
            result = Result { () throws(TLSFailure) in try connection.receive(wire, into: memory) }
            return (try? result.get().plaintextBytes) ?? 0
        }
        return (try result.get(), input)
    }

    /// Puts small pieces together, so that few calls carry them. Large ones go as they are.
    ///
    /// - Parameter send: calls nobody who might gather something else on this loop.
    func gather(_ first: ByteBuffer, _ more: [ByteBuffer], send: (UnsafeRawBufferPointer) -> Void) {
        output.clear(minimumCapacity: Self.blockSize)
        func add(_ piece: ByteBuffer) {
            if output.readableBytes + piece.readableBytes > Self.blockSize {
                output.withUnsafeReadableBytes { if !$0.isEmpty { send($0) } }
                output.clear()
            }
            if piece.readableBytes > Self.blockSize / 2 {
                output.withUnsafeReadableBytes { if !$0.isEmpty { send($0) } }
                output.clear()
                piece.withUnsafeReadableBytes { send($0) }
            } else {
                output.writeImmutableBuffer(piece)
            }
        }
        add(first)
        for piece in more { add(piece) }
        output.withUnsafeReadableBytes { if !$0.isEmpty { send($0) } }
        output.clear()
    }

    /// Where pieces are put together. The largest record of TLS holds as much (RFC 8446 §5.1).
    private var output = ByteBuffer()
    private static let blockSize = 16 * 1024
}
