/// A host and an optional port as `Host` and `:authority` carry them (RFC 9110 §7.2, RFC 3986 §3.2), made comparable.
public struct Authority: Equatable, Sendable {
    /// Lower case, without the root's trailing dot; an IPv6 literal in brackets, in the form of RFC 5952. Empty: none.
    public let host: String
    /// nil: none was given.
    public let port: UInt16?

    /// No authority at all, as a request of HTTP/1.0 has.
    public static let none = Authority(host: "", port: nil)

    private init(host: String, port: UInt16?) {
        self.host = host
        self.port = port
    }

    /// nil for what is no authority: user information, percent-encoding, characters that names of hosts don't have,
    /// brackets around anything but an IPv6 address, a port that is no number up to 65535. Empty text is ``none``.
    ///
    /// RFC 3986 §3.2.2 allows more. Percent-encoded names (and with them zones of addresses) are refused: who decodes
    /// them reads another host than who compares them as they are.
    public init?(_ text: some StringProtocol) {
        guard !text.isEmpty else {
            self = .none
            return
        }
        let bytes = text.utf8
        let hostEnd: Substring.UTF8View.Index
        let host: String?
        if bytes.first == UInt8(ascii: "[") {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            hostEnd = bytes.index(after: close)
            host = Self.literal(String(decoding: bytes[..<close].dropFirst(), as: UTF8.self))
        } else {
            hostEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
            host = Self.name(bytes[..<hostEnd])
        }
        guard let host else { return nil }
        var port: UInt16?
        let rest = bytes[hostEnd...]
        if !rest.isEmpty {
            guard rest.first == UInt8(ascii: ":"), let number = Self.port(rest.dropFirst()) else { return nil }
            port = number
        }
        self.init(host: host, port: port)
    }

    /// Whether both name the same host and port, where a port that is left out is the scheme's (RFC 9110 §4.2.3).
    ///
    /// - Parameter scheme: in any case; of one that is not known no port is left out.
    public func isSame(as other: Authority, scheme: String) -> Bool {
        let usual = Origin.defaultPort(ofScheme: lowercasedASCII(scheme.utf8))
        return host == other.host && (port ?? usual) == (other.port ?? usual)
    }

    private static func literal(_ text: String) -> String? {
        guard text.utf8.contains(UInt8(ascii: ":")), let address = ClientAddress(parsing: text) else { return nil }
        // An IPv4-mapped address stays one: as a host it is another name than the IPv4 address.
        if case .ipv4 = address { return "[::ffff:\(address)]" }
        return "[\(address)]"
    }

    /// Labels of letters, digits, `-`, `_` and `~`, none of them empty but the root's.
    private static func name(_ name: some Sequence<UInt8>) -> String? {
        var bytes = Array(name)
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        var previous = UInt8(ascii: ".")
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"):
                break
            case UInt8(ascii: ".") where previous != UInt8(ascii: "."):
                break
            default:
                return nil
            }
            previous = byte
        }
        return previous == UInt8(ascii: ".") ? nil : lowercasedASCII(bytes)
    }

    /// `.some(nil)`: a colon without a number, which is no port (RFC 3986 §3.2.3). nil: it is no port.
    private static func port(_ digits: some Collection<UInt8>) -> UInt16?? {
        guard !digits.isEmpty else { return .some(nil) }
        var port: UInt16 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (tens, overflow) = port.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt16(digit - UInt8(ascii: "0")))
            guard !overflow, !carry else { return nil }
            port = sum
        }
        return port
    }
}

/// Only A to Z change: names are compared in ASCII, whatever else they hold.
func lowercasedASCII(_ text: some Sequence<UInt8>) -> String {
    String(decoding: text.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}
