import Crypto

/// What a client of hixie-76 wants to see proved: the numbers of its two keys, and eight bytes behind the head
/// (draft-ietf-hybi-thewebsocketprotocol-00 §5.2).
public struct HixieChallenge: Equatable, Sendable {
    /// Bytes behind the request's head that belong to the challenge.
    public static let nonceLength = 8
    /// Longest key that is read; the drafts' clients send at most 34 bytes.
    private static let maximumKeyLength = 256

    public let first: UInt32
    public let second: UInt32

    public init(first: UInt32, second: UInt32) {
        self.first = first
        self.second = second
    }

    /// The number of a key: its digits, read together, divided by how many spaces it has.
    ///
    /// - Returns: nil for a key without digits or spaces, a number over 2³²−1, and one that the spaces do not divide.
    public static func number(ofKey key: String) -> UInt32? {
        guard key.utf8.count <= maximumKeyLength else { return nil }
        var number: UInt64 = 0
        var spaces: UInt64 = 0
        var hasDigit = false
        for byte in key.utf8 {
            switch byte {
            case UInt8(ascii: " "):
                spaces &+= 1
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                hasDigit = true
                number = number &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
                guard number <= UInt64(UInt32.max) else { return nil }
            default:
                break
            }
        }
        guard hasDigit, spaces > 0, number % spaces == 0 else { return nil }
        return UInt32(truncatingIfNeeded: number / spaces)
    }

    /// The 16 bytes behind the head of the answer: the MD5 of both numbers, big-endian, and of the nonce.
    public func answer(nonce: some Sequence<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        for number in [first, second] {
            for shift in [24, 16, 8, 0] as [UInt32] { text.append(UInt8(truncatingIfNeeded: number &>> shift)) }
        }
        text += nonce
        var hash = Insecure.MD5()
        text.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }
}
