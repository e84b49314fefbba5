/// Numbers as identifiers are written: sixteen hexadecimal digits in lower case, whatever the number.
public enum HexadecimalText {
    public static func digits(_ bits: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { text in
            write(bits, to: text, at: 0)
            return 16
        }
    }

    /// - Parameter text: has room for sixteen digits there.
    static func write(_ bits: UInt64, to text: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
        var bits = bits
        for place in stride(from: start + 15, through: start, by: -1) {
            let digit = UInt8(truncatingIfNeeded: bits & 0xF)
            text[place] = digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10
            bits >>= 4
        }
    }
}
