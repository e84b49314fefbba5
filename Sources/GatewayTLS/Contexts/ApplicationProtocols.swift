/// Protocols as ALPN sends them (RFC 7301 §3.1).
enum ApplicationProtocols {
    /// - Throws: `TLSMaterialFailure` for a name that is empty or longer than 255 bytes.
    static func encoded(_ names: [String]) throws(TLSMaterialFailure) -> [[UInt8]] {
        var encoded: [[UInt8]] = []
        for name in names {
            guard let length = UInt8(exactly: name.utf8.count), length > 0 else {
                throw TLSMaterialFailure(
                    reason: "an application protocol has \(name.utf8.count) bytes, expected 1 to 255 (RFC 7301)")
            }
            encoded.append([length] + name.utf8)
        }
        return encoded
    }

    /// The first of `own` that is among those `offered`.
    ///
    /// - Returns: where its name is in `offered`; nil: none is.
    static func choose(from own: [[UInt8]], offered: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        for name in own {
            var start = 0
            while start < offered.count {
                let end = start + 1 + Int(offered[start])
                guard end <= offered.count else { break }
                if offered[start..<end].elementsEqual(name) { return start + 1..<end }
                start = end
            }
        }
        return nil
    }
}
