/// A host and an optional port as `Host` and `:authority` carry them (RFC 9110 §7.2, RFC 3986 §3.2), made comparable.
struct Authority: Equatable {
    /// Lower case, without the root's trailing dot and without the brackets of an IPv6 literal.
    let host: String
    /// nil: none was given, or what follows the colon is no port.
    let port: UInt16?

    init(_ authority: some StringProtocol) {
        let text = Array(authority.utf8)
        var hostText = text[...]
        var portText: ArraySlice<UInt8> = []
        if text.first == UInt8(ascii: "["), let close = text.firstIndex(of: UInt8(ascii: "]")) {
            hostText = text[1..<close]
            if text[(close + 1)...].first == UInt8(ascii: ":") { portText = text[(close + 2)...] }
        } else if let colon = text.lastIndex(of: UInt8(ascii: ":")),
            // Two colons without brackets are a bare IPv6 address, all of it the host.
            text.firstIndex(of: UInt8(ascii: ":")) == colon
        {
            hostText = text[..<colon]
            portText = text[(colon + 1)...]
        }
        if hostText.last == UInt8(ascii: "."), hostText.count > 1 { hostText = hostText.dropLast() }
        host = lowercasedASCII(hostText)
        let isNumber = portText.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        port = isNumber && portText.count <= 5 ? UInt16(String(decoding: portText, as: UTF8.self)) : nil
    }
}

/// Only A to Z change: names are compared in ASCII, whatever else they hold.
func lowercasedASCII(_ text: some Sequence<UInt8>) -> String {
    String(decoding: text.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}
