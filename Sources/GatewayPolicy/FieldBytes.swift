public import HTTPTypes
public import NIOCore

/// Field values as bytes, through a parser that knows only text.
///
/// A field value is bytes, and those above 0x7F need not be UTF-8 (RFC 9110 §5.5). NIO's HTTP/1.1 parser makes strings of
/// them and would replace what is no UTF-8. So each such byte of a head goes through the parser as the character of that
/// number, two bytes of UTF-8, and becomes one byte again behind it.
public enum FieldBytes {
    /// The head as the parser is to see it.
    public static func widened(_ head: ByteBuffer) -> ByteBuffer {
        guard !head.withUnsafeReadableBytes(isASCII) else { return head }
        var wide = ByteBuffer()
        wide.reserveCapacity(head.readableBytes * 2)
        for byte in head.readableBytesView {
            if byte < 0x80 {
                wide.writeInteger(byte)
            } else {
                wide.writeMultipleIntegers(0xC0 | byte >> 6, 0x80 | byte & 0x3F)
            }
        }
        return wide
    }

    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        var bits: UInt64 = 0
        while bytes.count - position >= 8 {
            bits |= bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            position += 8
        }
        while position < bytes.count {
            bits |= UInt64(bytes[position])
            position += 1
        }
        return bits & 0x8080_8080_8080_8080 == 0
    }

    /// What a widened value stands for.
    public static func narrowed(_ value: String) -> [UInt8] {
        value.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    /// The value of a field as text that keeps its bytes apart, for whoever takes it to pieces.
    public static func widened(_ field: HTTPField) -> String {
        let value = field.value
        if value.utf8.allSatisfy({ $0 < 0x80 }) { return value }
        return widenedBytes(field)
    }

    private static func widenedBytes(_ field: HTTPField) -> String {
        field.withUnsafeBytesOfValue { bytes in
            guard bytes.contains(where: { $0 >= 0x80 }) else { return String(decoding: bytes, as: UTF8.self) }
            return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
        }
    }

    /// A field whose value the parser gave, without the optional whitespace around it, which is no part of the value
    /// (RFC 9112 §5.1); nil: it has a byte that no value may have (RFC 9110 §5.5).
    public static func field(_ name: HTTPField.Name, widened value: String) -> HTTPField? {
        var value = value
        // Most values are ASCII without white space around them, and stay the string that they are.
        let isPlain = value.withUTF8 { bytes in
            var bits: UInt8 = 0
            for byte in bytes {
                guard byte >= 0x20 || byte == 0x09, byte != 0x7F else { return false }
                bits |= byte
            }
            return bits < 0x80 && !bytes.isEmpty && bytes[0] > 0x20 && bytes[bytes.count - 1] > 0x20
        }
        return isPlain ? HTTPField(name: name, value: value) : trimmedField(name, widened: value)
    }

    private static func trimmedField(_ name: HTTPField.Name, widened value: String) -> HTTPField? {
        let bytes = narrowed(trimmed(value))
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else { return nil }
        return HTTPField(name: name, value: bytes)
    }

    /// A value without the optional whitespace around it.
    public static func trimmed(_ value: String) -> String {
        func isWhitespace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let bytes = value.utf8
        guard let first = bytes.first, let last = bytes.last, isWhitespace(first) || isWhitespace(last) else {
            return value
        }
        let kept = bytes.drop(while: isWhitespace)
        let end = kept.lastIndex { !isWhitespace($0) }.map(kept.index(after:)) ?? kept.startIndex
        return String(Substring(kept[..<end]))
    }
}
