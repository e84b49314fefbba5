internal import CZlib
public import NIOCore

/// What one call of ``Inflater/inflate(_:into:limit:)`` did.
public struct InflateProgress: Equatable, Sendable {
    /// Bytes of input used.
    public var consumed: Int
    /// Bytes appended to the output.
    public var produced: Int
    /// The limit was reached: there may be more output, even with all input used. Call again with what is left, or
    /// with nothing, or end the message.
    public var outputFull: Bool

    public init(consumed: Int, produced: Int, outputFull: Bool) {
        self.consumed = consumed
        self.produced = produced
        self.outputFull = outputFull
    }
}

/// Inflates messages (RFC 7692 §7.2.2): one raw DEFLATE stream with its window, freed with the value.
///
/// Blocks with BFINAL set are taken wherever they come (§7.2.3.4 and §7.2.1): the stream goes on behind them with its
/// window. After an error the value is of no use until ``reset()``.
public struct Inflater: ~Copyable {
    private static let mostOutput = 16 * 1024
    /// What the sender leaves out of every message (§7.2.1): LEN and NLEN of an empty stored block.
    private static let tail = UInt32(bigEndian: 0x0000_FFFF)

    let stream: ZlibStream
    /// How much of the tail zlib has had.
    private var tailUsed = 0
    /// Nothing was read since the message began, or since a block with BFINAL set: the tail would be the start of a
    /// block and not the end of one. Senders should put an empty block there, and some do not.
    private var awaitsBlock = true

    /// - Parameter windowBits: base-2 logarithm of the sender's window, 8…15.
    /// - Throws: `ZlibError` for a window out of range and when memory is short.
    public init(windowBits: Int) throws(ZlibError) {
        try self.init(windowBits: windowBits, account: nil)
    }

    /// - Parameter account: where `memory(windowBits:)` is reserved, to be released with the stream.
    init(windowBits: Int, account: CompressionMemory?) throws(ZlibError) {
        guard (8...15).contains(windowBits) else {
            throw .parameterOutOfRange("window to inflate with is \(windowBits) bits, expected 8 to 15")
        }
        let kind = ZlibStream.Kind.inflate(windowBits: windowBits)
        if let account, !account.reserve(kind.memory) {
            throw .overMemoryLimit(needed: kind.memory, limit: account.limit)
        }
        stream = try ZlibStream(kind, account: account)
    }

    init(reusing stream: ZlibStream) {
        self.stream = stream
    }

    /// Bytes that a decompressor with this window takes.
    public static func memory(windowBits: Int) -> Int {
        ZlibStream.Kind.inflate(windowBits: windowBits).memory
    }

    /// Inflates more of a message, until `input` is used up or `output` has grown by `limit` bytes (≥ 1).
    ///
    /// - Throws: `InflateError` for data that is not DEFLATE.
    public mutating func inflate(
        _ input: UnsafeRawBufferPointer, into output: inout ByteBuffer, limit: Int
    ) throws(InflateError) -> InflateProgress {
        defer { stream.pointer.clearBuffers() }
        stream.isFresh = false
        var consumed = 0
        var produced = 0
        while produced < limit {
            stream.pointer.setInput(UnsafeRawBufferPointer(rebasing: input[consumed...]))
            let offered = Int(stream.pointer.pointee.avail_in)
            let room = min(limit - produced, Self.mostOutput, max(256, offered &* 4))
            let pointer = stream.pointer
            var code = Z_OK
            let grown = output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
                pointer.setOutput(space, atMost: room)
                code = CZlib.inflate(pointer, Z_SYNC_FLUSH)
                return room - Int(pointer.pointee.avail_out)
            }
            let used = offered - Int(pointer.pointee.avail_in)
            consumed += used
            produced += grown
            try judge(code, used: used)
            if grown < room && consumed == input.count { break }
        }
        return InflateProgress(consumed: consumed, produced: produced, outputFull: produced >= limit)
    }

    /// Ends the message: gives zlib the four bytes that its sender left out, and what output is still due.
    ///
    /// - Returns: false when `output` grew by `limit` bytes (≥ 1) before the end; call again.
    /// - Throws: `InflateError` for data that is not DEFLATE, and for a message that ends inside a block.
    public mutating func finishMessage(into output: inout ByteBuffer, limit: Int) throws(InflateError) -> Bool {
        guard tailUsed > 0 || !awaitsBlock else { return true }
        let used = tailUsed
        let progress = try withUnsafeBytes(of: Self.tail) { bytes throws(InflateError) in
            try inflate(UnsafeRawBufferPointer(rebasing: bytes[used...]), into: &output, limit: limit)
        }
        tailUsed += progress.consumed
        guard !progress.outputFull else { return false }
        try endMessage()
        return true
    }

    /// Inflates more of a message without gathering it: `body` gets each piece, at most 16 KiB.
    ///
    /// - Parameter body: false to stop, after which the value is of no use until ``reset()``.
    /// - Returns: false when `body` stopped it.
    /// - Throws: `InflateError` for data that is not DEFLATE.
    public mutating func inspect(
        _ input: UnsafeRawBufferPointer, body: (UnsafeRawBufferPointer) -> Bool
    ) throws(InflateError) -> Bool {
        defer { stream.pointer.clearBuffers() }
        stream.isFresh = false
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.mostOutput, alignment: 16)
        defer { scratch.deallocate() }
        var consumed = 0
        while true {
            let pointer = stream.pointer
            pointer.setInput(UnsafeRawBufferPointer(rebasing: input[consumed...]))
            pointer.setOutput(scratch, atMost: scratch.count)
            let offered = Int(pointer.pointee.avail_in)
            let code = CZlib.inflate(pointer, Z_SYNC_FLUSH)
            let used = offered - Int(pointer.pointee.avail_in)
            let grown = scratch.count - Int(pointer.pointee.avail_out)
            consumed += used
            if grown > 0, !body(UnsafeRawBufferPointer(rebasing: scratch[..<grown])) { return false }
            try judge(code, used: used)
            if grown < scratch.count && consumed == input.count { return true }
        }
    }

    /// Ends a message read with ``inspect(_:body:)``; as ``finishMessage(into:limit:)``.
    public mutating func finishInspecting(
        body: (UnsafeRawBufferPointer) -> Bool
    ) throws(InflateError) -> Bool {
        guard tailUsed > 0 || !awaitsBlock else { return true }
        let isWhole = try withUnsafeBytes(of: Self.tail) { bytes throws(InflateError) in try inspect(bytes, body: body)
        }
        guard isWhole else { return false }
        try endMessage()
        return true
    }

    /// Forgets the window and any unfinished message, as after every message without context takeover.
    public mutating func reset() {
        stream.reset()
        tailUsed = 0
        awaitsBlock = true
    }

    /// What zlib's answer means; `used` is how much input the call took.
    private mutating func judge(_ code: Int32, used: Int) throws(InflateError) {
        if used > 0 { awaitsBlock = false }
        switch code {
        // Z_BUF_ERROR says that there was nothing to do.
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            // Another stream may follow in the same message or the next, and refer back into this one: make ready for
            // it without emptying the window, which is what sets this function apart from inflateReset.
            inflateResetKeep(stream.pointer)
            awaitsBlock = true
        case Z_MEM_ERROR: throw .outOfMemory
        case Z_DATA_ERROR:
            throw .invalidData(stream.pointer.pointee.msg.map { String(cString: $0) } ?? "invalid data")
        default: throw .streamFault(code: code)
        }
    }

    private mutating func endMessage() throws(InflateError) {
        tailUsed = 0
        // zlib tells here whether it is between two blocks (128), and how many bits of the last byte it has not used.
        let place = stream.pointer.pointee.data_type
        guard awaitsBlock || (place & 128 != 0 && place & 63 == 0) else { throw .truncatedMessage }
        awaitsBlock = true
    }
}
