#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension IPPrefix {
    /// `10.0.0.0/8`, `2001:db8::/32` or a bare address; nil when `text` is neither.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let bytes = Self.bytes(of: String(first)) else { return nil }
        guard parts.count == 2 else {
            self.init(bytes: bytes, length: bytes.count * 8)
            return
        }
        let digits = parts[1]
        // Other programs take 010 for eight: no number here begins with a zero.
        guard digits == "0" || !digits.hasPrefix("0"), let length = Int(decimalDigits: digits),
            length <= bytes.count * 8
        else { return nil }
        self.init(bytes: bytes, length: length)
    }

    private static func bytes(of address: String) -> [UInt8]? {
        guard !address.utf8.contains(0) else { return nil }
        let isV6 = address.contains(":")
        var bytes = [UInt8](repeating: 0, count: isV6 ? 16 : 4)
        return inet_pton(isV6 ? AF_INET6 : AF_INET, address, &bytes) == 1 ? bytes : nil
    }
}
