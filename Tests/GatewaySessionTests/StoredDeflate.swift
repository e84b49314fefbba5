/// DEFLATE written by hand (RFC 1951 §3.2.4).
enum StoredDeflate {
    /// A stored block for each byte, none of them the last of the stream.
    static func blocks(_ bytes: [UInt8]) -> [[UInt8]] { bytes.map { [0, 1, 0, 0xFE, 0xFF, $0] } }
}
