/// What may stand in `Host` and `:authority`.
public enum AuthorityText {
    /// A host and perhaps a port (RFC 9110 §7.2): brackets only around an IP literal, colons else only before a port.
    public static func isValid(_ text: String) -> Bool {
        guard text.utf8.allSatisfy(isAllowed) else { return false }
        var host = text[...]
        var port = Substring()
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return false }
            host = text[..<close].dropFirst()
            port = text[close...].dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[colon...]
        }
        let isPort = port.utf8.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return !host.contains("[") && !host.contains("]") && (port.isEmpty || port.hasPrefix(":") && isPort)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "%"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
