/// HTTP field names and values (RFC 9110 §5).
enum FieldSyntax {
    /// RFC 9110 §5.6.2.
    static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// RFC 9110 §5.5: no CR, LF or NUL; other control characters but tab are refused as well.
    static func isValue(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }

    /// Fields that say where a message ends or belong to the handshake: the gateway writes them itself. Lower case.
    static func isOwned(_ name: String) -> Bool {
        name.hasPrefix("sec-websocket-")
            || ["connection", "upgrade", "content-length", "transfer-encoding", "te", "trailer", "keep-alive"]
                .contains(name)
    }
}
