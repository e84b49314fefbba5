/// Reads values of DER (X.690 §10) one behind the other.
struct DERReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    /// The content of the next value; nil: it has another tag, or its length is more than there is.
    mutating func read(_ tag: UInt8) -> ArraySlice<UInt8>? {
        guard rest.first == tag, let first = rest.dropFirst().first else { return nil }
        var body = rest.dropFirst(2)
        var length = Int(first)
        if first >= 0x80 {
            let count = Int(first & 0x7F)
            guard (1...3).contains(count), body.count >= count else { return nil }
            length = body.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            body = body.dropFirst(count)
        }
        guard body.count >= length else { return nil }
        rest = body.dropFirst(length)
        return body.prefix(length)
    }
}
