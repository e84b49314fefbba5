/// An address block in CIDR notation (RFC 4632, RFC 4291 §2.3); a bare address is a block of one.
public struct IPPrefix: Hashable, Sendable {
    /// Network-order bytes: 4 of IPv4 or 16 of IPv6.
    public let bytes: [UInt8]
    /// 0 to 8 × `bytes.count`.
    public let length: Int

    public init(bytes: [UInt8], length: Int) {
        self.bytes = bytes
        self.length = length
    }

    /// Whether `address` (4 or 16 network-order bytes) lies in this block. Families never match each other.
    public func contains(_ address: [UInt8]) -> Bool {
        guard address.count == bytes.count else { return false }
        let whole = length / 8
        guard address.prefix(whole).elementsEqual(bytes.prefix(whole)) else { return false }
        let rest = length % 8
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - rest))
        return address[whole] & mask == bytes[whole] & mask
    }
}
