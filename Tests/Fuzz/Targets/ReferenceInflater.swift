import CZlib

/// Inflates messages as RFC 7692 §7.2.2 says, by other means than the code under test: all of a message's payload at
/// once, always with the widest window, and after a block with BFINAL set in a stream made anew, with what was put out
/// so far as its dictionary.
final class ReferenceInflater {
    enum Result: Equatable {
        case whole([UInt8])
        /// No DEFLATE data, or cut off inside a block: what came out before.
        case refused([UInt8])
        /// More than the budget: the beginning.
        case over([UInt8])

        var output: [UInt8] {
            switch self {
            case .whole(let bytes), .refused(let bytes), .over(let bytes): bytes
            }
        }
    }

    static let budget = 128 * 1024
    private static let window = 32 * 1024
    private static let pieceSize = 16 * 1024

    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let space = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceSize, alignment: 16)
    /// The end of what was put out so far.
    private var history: [UInt8] = []
    /// Nothing was read since a message began or a final block ended.
    private var isFresh = true
    /// A message went over the budget, so that the window is not what its sender has.
    private(set) var isBehind = false

    init() {
        stream.initialize(to: z_stream())
        inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        space.deallocate()
    }

    func forget() {
        inflateReset(stream)
        history = []
        isFresh = true
        isBehind = false
    }

    /// A message's payload, whole, as it came.
    func inflate(_ payload: [UInt8]) -> Result {
        isFresh = true
        var output: [UInt8] = []
        guard feed(payload, into: &output) else { return .refused(output) }
        if !isFresh {
            guard feed([0x00, 0x00, 0xFF, 0xFF], into: &output) else { return .refused(output) }
            if output.count < Self.budget, !isFresh, !standsBetweenBlocks() { return .refused(output) }
        }
        isBehind = output.count >= Self.budget
        return isBehind ? .over(output) : .whole(output)
    }

    /// False when the bytes are no DEFLATE data.
    private func feed(_ bytes: [UInt8], into output: inout [UInt8]) -> Bool {
        var used = 0
        var isFull = false
        while used < bytes.count || isFull, output.count < Self.budget {
            let before = output.count
            let (code, consumed) = call(stream, bytes[used...], into: &output)
            used += consumed
            if consumed > 0 { isFresh = false }
            isFull = output.count - before == Self.pieceSize
            history += output[before...]
            if history.count > Self.window { history.removeFirst(history.count - Self.window) }
            switch code {
            case Z_STREAM_END:
                inflateReset(stream)
                history.withUnsafeBufferPointer { known in
                    _ = inflateSetDictionary(stream, known.baseAddress, UInt32(known.count))
                }
                isFresh = true
            case Z_OK, Z_BUF_ERROR: break
            default: return false
            }
        }
        return true
    }

    private func call(
        _ stream: UnsafeMutablePointer<z_stream>, _ bytes: ArraySlice<UInt8>, into output: inout [UInt8]
    ) -> (code: Int32, consumed: Int) {
        bytes.withUnsafeBufferPointer { input in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            stream.pointee.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(Self.pieceSize)
            let code = CZlib.inflate(stream, Z_SYNC_FLUSH)
            output += UnsafeRawBufferPointer(rebasing: space[..<(Self.pieceSize - Int(stream.pointee.avail_out))])
            return (code, input.count - Int(stream.pointee.avail_in))
        }
    }

    /// Whether an empty final block is understood here, in a copy: inside a block its bytes would be something else.
    private func standsBetweenBlocks() -> Bool {
        let copy = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        copy.initialize(to: z_stream())
        defer { copy.deallocate() }
        guard inflateCopy(copy, stream) == Z_OK else { return false }
        defer { inflateEnd(copy) }
        var produced: [UInt8] = []
        let (code, consumed) = call(copy, [0x01, 0x00, 0x00, 0xFF, 0xFF], into: &produced)
        return code == Z_STREAM_END && consumed == 5 && produced.isEmpty
    }
}
