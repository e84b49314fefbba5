import Crypto

/// `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455 §4.1 and §4.2.2).
public enum HandshakeKey {
    private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Whether `key` is the Base64 of 16 bytes: 22 characters and two of padding.
    public static func isValid(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        return bytes.count == 24 && bytes.suffix(2).elementsEqual("==".utf8)
            && bytes.prefix(22).allSatisfy { Base64.alphabet.contains($0) }
    }

    /// The value that proves that the server read the key: Base64 of the SHA-1 of the key and the protocol's GUID.
    public static func accept(for key: String) -> String {
        var hash = Insecure.SHA1()
        let text = Array((key + guid).utf8)
        text.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Base64.encode(Array(hash.finalize()))
    }

    /// A client's key from 16 bytes that the caller drew at random.
    public static func make(from bytes: (UInt64, UInt64)) -> String {
        let nonce = [bytes.0, bytes.1].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word &>> UInt64(56 - 8 * $0)) }
        }
        return Base64.encode(nonce)
    }
}

/// Base64 with padding (RFC 4648 §4).
enum Base64 {
    static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for offset in 0..<3 {
                bits = bits << 8 | (offset < group.count ? UInt32(group[start + offset]) : 0)
            }
            for digit in 0..<4 {
                text.append(
                    digit <= group.count ? alphabet[Int(bits >> UInt32(18 - 6 * digit)) & 0x3F] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
