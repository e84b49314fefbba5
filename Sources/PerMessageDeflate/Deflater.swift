internal import CZlib
public import NIOCore

/// Compresses messages (RFC 7692 §7.2.1): one raw DEFLATE stream with its window, freed with the value.
public struct Deflater: ~Copyable {
    /// The least output asked of zlib at once. A flush that finds 6 bytes of room or fewer writes its marker again.
    private static let leastOutput = 64
    private static let mostOutput = 16 * 1024
    private static let tailLength = 4

    let stream: ZlibStream
    /// The last bytes of a message being ended, which may turn out to be the tail that is not sent.
    private var held: UInt32 = 0
    private var heldCount = 0
    /// Whether zlib has given anything for the message in hand.
    private var hasOutput = false

    /// - Parameters:
    ///   - windowBits: base-2 logarithm of the window, 9…15; zlib cannot compress raw data with 8.
    ///   - memoryLevel: 1…9, as zlib's memLevel.
    ///   - level: 0 (store) to 9 (smallest).
    /// - Throws: `ZlibError` for parameters out of range and when memory is short.
    public init(windowBits: Int, memoryLevel: Int, level: Int = 6) throws(ZlibError) {
        try self.init(windowBits: windowBits, memoryLevel: memoryLevel, level: level, account: nil)
    }

    /// - Parameter account: where `memory(windowBits:memoryLevel:)` is reserved, to be released with the stream.
    init(windowBits: Int, memoryLevel: Int, level: Int, account: CompressionMemory?) throws(ZlibError) {
        guard (9...15).contains(windowBits) else {
            throw .parameterOutOfRange("window to compress with is \(windowBits) bits, expected 9 to 15")
        }
        guard (1...9).contains(memoryLevel) else {
            throw .parameterOutOfRange("memory level is \(memoryLevel), expected 1 to 9")
        }
        guard (0...9).contains(level) else {
            throw .parameterOutOfRange("compression level is \(level), expected 0 to 9")
        }
        let kind = ZlibStream.Kind.deflate(windowBits: windowBits, memoryLevel: memoryLevel, level: level)
        if let account, !account.reserve(kind.memory) {
            throw .overMemoryLimit(needed: kind.memory, limit: account.limit)
        }
        stream = try ZlibStream(kind, account: account)
    }

    init(reusing stream: ZlibStream) {
        self.stream = stream
    }

    /// Bytes that a compressor with these parameters takes.
    public static func memory(windowBits: Int, memoryLevel: Int) -> Int {
        ZlibStream.Kind.deflate(windowBits: windowBits, memoryLevel: memoryLevel, level: 6).memory
    }

    /// Compresses more of a message and appends what zlib gives, which may be nothing yet.
    ///
    /// - Parameter limit: most bytes to append, ≥ 1; compression stops there.
    /// - Returns: how many bytes of `input` were used.
    public mutating func compress(
        _ input: UnsafeRawBufferPointer, into output: inout ByteBuffer, limit: Int
    ) throws(ZlibError) -> Int {
        writeHeld(into: &output)
        defer { stream.pointer.clearBuffers() }
        var used = 0
        var grown = 0
        while used < input.count && grown < limit {
            stream.pointer.setInput(UnsafeRawBufferPointer(rebasing: input[used...]))
            let offered = Int(stream.pointer.pointee.avail_in)
            let room = min(limit - grown, Self.mostOutput, max(256, offered))
            let produced = try run(Z_NO_FLUSH, into: &output, room: room)
            used += offered - Int(stream.pointer.pointee.avail_in)
            grown += produced
        }
        return used
    }

    /// Ends the message: flushes to a byte boundary and leaves out the last four bytes, 00 00 FF FF (RFC 7692 §7.2.1).
    /// An empty message becomes the single byte 0x00 (§7.2.3.6).
    ///
    /// - Parameter limit: most bytes to append; anything below 64 is taken as 64.
    /// - Returns: false when the limit was reached before the end; call again, with nothing compressed in between.
    public mutating func finishMessage(into output: inout ByteBuffer, limit: Int) throws(ZlibError) -> Bool {
        defer { stream.pointer.clearBuffers() }
        let start = output.writerIndex
        writeHeld(into: &output)
        stream.pointer.setInput(UnsafeRawBufferPointer(start: nil, count: 0))
        let limit = max(limit, Self.leastOutput)
        var grown = 0
        repeat {
            guard limit - grown >= Self.leastOutput else {
                hold(of: &output, since: start)
                return false
            }
            grown += try run(Z_SYNC_FLUSH, into: &output, room: min(limit - grown, Self.mostOutput))
        } while stream.pointer.pointee.avail_out == 0
        if hasOutput {
            output.moveWriterIndex(to: max(start, output.writerIndex - Self.tailLength))
        } else {
            // zlib has nothing to flush after a flush.
            output.writeInteger(UInt8(0x00))
        }
        hasOutput = false
        return true
    }

    /// Whether it has compressed nothing yet, and so remembers nothing.
    public var isFresh: Bool { stream.isFresh }

    /// Takes a message into the window that the peer got compressed by another, between two of this one's own: the
    /// window stays what the peer's is. With ``reset()`` instead, this compressor would refer to nothing before its next
    /// message; without either, to what lies elsewhere in the peer's window.
    ///
    /// - Throws: `ZlibError.streamFault` when zlib refuses, after which only ``reset()`` helps.
    public mutating func follow(_ message: UnsafeRawBufferPointer) throws(ZlibError) {
        guard let start = message.baseAddress, message.count > 0 else { return }
        stream.isFresh = false
        let length = UInt32(truncatingIfNeeded: min(message.count, UnsafeMutablePointer<z_stream>.largestInput))
        let tail = start + (message.count - Int(length))
        let code = deflateSetDictionary(stream.pointer, tail.assumingMemoryBound(to: UInt8.self), length)
        guard code == Z_OK else { throw .streamFault(code: code) }
    }

    /// Forgets the window and any unfinished message, as after every message without context takeover.
    public mutating func reset() {
        stream.reset()
        held = 0
        heldCount = 0
        hasOutput = false
    }

    /// One call of zlib; returns the bytes appended.
    private mutating func run(_ flush: Int32, into output: inout ByteBuffer, room: Int) throws(ZlibError) -> Int {
        let pointer = stream.pointer
        stream.isFresh = false
        var code = Z_OK
        let produced = output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
            pointer.setOutput(space, atMost: room)
            code = deflate(pointer, flush)
            return room - Int(pointer.pointee.avail_out)
        }
        // Z_BUF_ERROR says that there was nothing to do.
        guard code == Z_OK || code == Z_BUF_ERROR else { throw .streamFault(code: code) }
        if produced > 0 { hasOutput = true }
        return produced
    }

    /// Takes the last bytes back out of `output`, as they may belong to the tail.
    private mutating func hold(of output: inout ByteBuffer, since start: Int) {
        heldCount = min(Self.tailLength, output.writerIndex - start)
        held = 0
        for index in (output.writerIndex - heldCount)..<output.writerIndex {
            held = held << 8 | UInt32(output.getInteger(at: index, as: UInt8.self) ?? 0)
        }
        output.moveWriterIndex(to: output.writerIndex - heldCount)
    }

    private mutating func writeHeld(into output: inout ByteBuffer) {
        for index in (0..<heldCount).reversed() {
            output.writeInteger(UInt8(truncatingIfNeeded: held >> UInt32(8 * index)))
        }
        heldCount = 0
    }
}
