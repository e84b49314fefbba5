/// Why a header block is refused. Both end the connection: what the table holds is unknown from there on.
enum HeaderBlockError: Error, Equatable, CustomStringConvertible {
    /// COMPRESSION_ERROR (RFC 9113 §4.3); one line: what was expected and what arrived.
    case malformed(String)
    /// The list unpacks to more than is read.
    case listTooLarge

    var description: String {
        switch self {
        case .malformed(let reason): reason
        case .listTooLarge: "the header list is too large"
        }
    }
}

/// The primitive types of a header block, in their order (RFC 7541 §5).
struct HeaderBlockReader {
    private let block: UnsafeRawBufferPointer
    private var position = 0

    init(_ block: UnsafeRawBufferPointer) { self.block = block }

    var isAtEnd: Bool { position == block.count }

    /// The byte that comes next, and stays; nil at the end.
    var next: UInt8? { position < block.count ? block[position] : nil }

    /// An integer (§5.1): 0 to 2^35 + 254. Whoever asked compares it with its own, smaller limit.
    ///
    /// - Parameter prefix: bits of the first byte that belong to it, 4 to 7.
    /// - Throws: `HeaderBlockError.malformed` for one that is cut, or has more than five bytes behind the first: no
    ///   limit of 32 bits needs more.
    mutating func integer(prefix: Int) throws(HeaderBlockError) -> Int {
        let mask = UInt8(1) << UInt8(prefix) - 1
        guard let first = next else { throw Self.isCut }
        position &+= 1
        guard first & mask == mask else { return Int(first & mask) }
        var value = Int(mask)
        for shift in stride(from: 0, through: 28, by: 7) {
            guard let byte = next else { throw Self.isCut }
            position &+= 1
            value += Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw .malformed("an integer has more than five bytes after the first, expected less than 2^32")
    }

    /// Reads a string (§5.2) to the end of a list.
    ///
    /// - Returns: its bytes, uncompressed.
    /// - Throws: `HeaderBlockError.malformed` when it is longer than what is left, or its codes are none.
    mutating func string(into list: inout HeaderList) throws(HeaderBlockError) -> Int {
        guard let first = next else { throw Self.isCut }
        let count = try integer(prefix: 7)
        guard count <= block.count - position else {
            throw .malformed("a string of \(count) bytes, \(block.count - position) are left of the block")
        }
        let bytes = UnsafeRawBufferPointer(rebasing: block[position..<(position + count)])
        position += count
        guard first & 0x80 != 0 else {
            list.append(bytes)
            return count
        }
        let decoded = withUnsafeTemporaryAllocation(byteCount: HuffmanCode.mostBytes(in: count), alignment: 1) {
            scratch in
            Result { () throws(HuffmanCode.Failure) in
                let decoded = try HuffmanCode.hpack.decode(bytes, into: scratch)
                list.append(UnsafeRawBufferPointer(rebasing: scratch[..<decoded]))
                return decoded
            }
        }
        switch decoded {
        case .success(let count): return count
        case .failure(.endOfString): throw .malformed("the end of a string stands among its Huffman codes")
        case .failure(.padding):
            throw .malformed("the padding of a string's Huffman codes is not up to seven ones")
        }
    }

    private static let isCut = HeaderBlockError.malformed("the block ends inside a field")
}
