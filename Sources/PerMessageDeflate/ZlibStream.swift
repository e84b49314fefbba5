internal import CZlib

/// One z_stream, in memory that does not move, as zlib keeps a pointer back to it.
///
/// Owned by one ``Deflater``, ``Inflater`` or ``ZlibPool`` at a time; they pass it on without making it anew.
final class ZlibStream {
    enum Kind: Hashable {
        case deflate(windowBits: Int, memoryLevel: Int, level: Int)
        case inflate(windowBits: Int)

        /// Bytes that zlib allocates, by its manual, and the stream itself.
        var memory: Int {
            switch self {
            case .deflate(let windowBits, let memoryLevel, _):
                (1 << (windowBits + 2)) + (1 << (memoryLevel + 9)) + 6 * 1024
            case .inflate(let windowBits): (1 << windowBits) + 7 * 1024
            }
        }
    }

    let kind: Kind
    let pointer: UnsafeMutablePointer<z_stream>
    private let account: CompressionMemory?
    /// Nothing was done with it since it was made or reset.
    var isFresh = true

    /// - Parameter account: where the memory is counted already, and given back when the stream is freed.
    init(_ kind: Kind, account: CompressionMemory?) throws(ZlibError) {
        let pointer = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        pointer.initialize(to: z_stream())
        let size = Int32(MemoryLayout<z_stream>.size)
        let code: Int32 =
            switch kind {
            case .deflate(let windowBits, let memoryLevel, let level):
                deflateInit2_(
                    pointer, Int32(level), Z_DEFLATED, -Int32(windowBits), Int32(memoryLevel), Z_DEFAULT_STRATEGY,
                    ZLIB_VERSION, size)
            case .inflate(let windowBits):
                inflateInit2_(pointer, -Int32(windowBits), ZLIB_VERSION, size)
            }
        guard code == Z_OK else {
            pointer.deallocate()
            account?.release(kind.memory)
            throw code == Z_MEM_ERROR ? .outOfMemory : .streamFault(code: code)
        }
        self.kind = kind
        self.pointer = pointer
        self.account = account
    }

    /// Forgets all state, window included.
    func reset() {
        guard !isFresh else { return }
        isFresh = true
        switch kind {
        case .deflate: deflateReset(pointer)
        case .inflate: inflateReset(pointer)
        }
    }

    deinit {
        switch kind {
        case .deflate: deflateEnd(pointer)
        case .inflate: inflateEnd(pointer)
        }
        pointer.deallocate()
        account?.release(kind.memory)
    }
}

extension UnsafeMutablePointer<z_stream> {
    /// Most that is given to zlib at once: its counters have 32 bits.
    static var largestInput: Int { 1 << 30 }

    /// Sets what is read next. zlib does not write to its input, whatever the type says.
    func setInput(_ bytes: UnsafeRawBufferPointer) {
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        pointee.next_in = Swift.UnsafeMutablePointer<UInt8>(mutating: start)
        pointee.avail_in = UInt32(truncatingIfNeeded: Swift.min(bytes.count, Self.largestInput))
    }

    func setOutput(_ bytes: UnsafeMutableRawBufferPointer, atMost limit: Int) {
        pointee.next_out = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        pointee.avail_out = UInt32(truncatingIfNeeded: Swift.min(bytes.count, limit, Self.largestInput))
    }

    /// Leaves no pointer to memory that is the caller's.
    func clearBuffers() {
        pointee.next_in = nil
        pointee.avail_in = 0
        pointee.next_out = nil
        pointee.avail_out = 0
    }
}
