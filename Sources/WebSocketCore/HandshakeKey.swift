import Crypto

/// `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455 §4.1 and §4.2.2).
public enum HandshakeKey {
    private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Whether `key` is the Base64 of 16 bytes: 22 characters and two of padding.
    public static func isValid(_ key: String) -> Bool {
        let bytes = key.utf8
        return bytes.count == 24 && bytes.suffix(2).elementsEqual("==".utf8)
            && bytes.prefix(22).allSatisfy(Base64.isDigit)
    }

    /// The value that proves that the server read the key: Base64 of the SHA-1 of the key and the protocol's GUID.
    public static func accept(for key: String) -> String {
        var hash = Insecure.SHA1()
        var text = key + guid
        text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return hash.finalize().withUnsafeBytes(Base64.encode)
    }

    /// A client's key from 16 bytes that the caller drew at random.
    public static func make(from bytes: (UInt64, UInt64)) -> String {
        let nonce = [bytes.0, bytes.1].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word &>> UInt64(56 - 8 * $0)) }
        }
        return nonce.withUnsafeBytes(Base64.encode)
    }
}

/// Base64 with padding (RFC 4648 §4).
enum Base64 {
    static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }

    private static func digit(_ bits: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: bits & 0x3F)
        return switch value {
        case 0..<26: UInt8(ascii: "A") &+ value
        case 26..<52: UInt8(ascii: "a") &+ value &- 26
        case 52..<62: UInt8(ascii: "0") &+ value &- 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
        let length = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: length) { text in
            var place = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let count = min(3, bytes.count - start)
                var bits: UInt32 = 0
                for offset in 0..<3 { bits = bits << 8 | (offset < count ? UInt32(bytes[start + offset]) : 0) }
                for number in 0..<4 {
                    text[place] = number <= count ? digit(bits >> UInt32(18 - 6 * number)) : UInt8(ascii: "=")
                    place += 1
                }
            }
            return length
        }
    }
}
