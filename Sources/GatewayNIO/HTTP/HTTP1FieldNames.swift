import HTTPTypes

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Field names that most heads have, ready made: validating a name, and making a string of it and another in lower case,
/// costs more than reading the line that it stands in.
///
/// A name is found by the very bytes that came, so that it goes on with the case that it had.
enum HTTP1FieldNames {
    private static let spellings = [
        "Accept", "Accept-Encoding", "Accept-Language", "Access-Control-Allow-Origin", "Age",
        "Authorization",
        "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Security-Policy",
        "Content-Type", "Cookie", "DNT", "Date", "ETag", "Expires", "Host", "If-Modified-Since",
        "If-None-Match",
        "Keep-Alive", "Last-Modified", "Location", "Origin", "Pragma", "Priority", "Referer",
        "Sec-CH-UA",
        "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site",
        "Sec-Fetch-User", "Sec-GPC", "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Protocol", "Sec-WebSocket-Version", "Server", "Set-Cookie",
        "Strict-Transport-Security",
        "Traceparent", "Tracestate", "Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Vary",
        "Via",
        "X-Content-Type-Options", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
        "X-Frame-Options",
        "X-Powered-By", "X-Real-IP", "X-Request-Id", "X-Requested-With",
    ]

    private struct Entry {
        let bytes: [UInt8]
        let name: HTTPField.Name
    }

    /// A power of two: four times as many places as there are names, so that most names have one for themselves.
    private static let places = 512

    private static let table: [[Entry]] = {
        var table = [[Entry]](repeating: [], count: places)
        for spelling in spellings {
            for text in Set([spelling, spelling.lowercased()]) {
                guard let name = HTTPField.Name(text) else { continue }
                let bytes = Array(text.utf8)
                table[bytes.withUnsafeBytes(place)].append(Entry(bytes: bytes, name: name))
            }
        }
        return table
    }()

    /// - Parameter name: at least one byte.
    @inline(__always)
    private static func place(of name: UnsafeRawBufferPointer) -> Int {
        let count = name.count
        let mixed =
            count &* 31 &+ Int(name[0]) &* 7 &+ Int(name[count - 1]) &* 3 &+ Int(name[count / 2])
        return mixed & (places - 1)
    }

    /// nil: it is not among them.
    static func name(of bytes: UnsafeRawBufferPointer) -> HTTPField.Name? {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return nil }
        for entry in table[place(of: bytes)] where entry.bytes.count == bytes.count {
            let isSame = entry.bytes.withUnsafeBytes { known in
                known.baseAddress.map { memcmp($0, base, bytes.count) == 0 } ?? false
            }
            if isSame { return entry.name }
        }
        return nil
    }
}
