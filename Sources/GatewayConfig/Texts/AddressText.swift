/// `host:port`, `[v6]:port` and `unix:/path`.
enum AddressText {
    enum Role {
        /// Port 0, a free one, will do.
        case listening
        case server
    }

    /// `sun_path` has 108 bytes on Linux, the last of them zero.
    private static let unixPathLimit = 107

    static func read(_ node: YAMLNode, role: Role, context: ReadingContext) -> Address? {
        let expected = "an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/sluice.sock"
        guard let scalar = context.text(node, expecting: expected) else { return nil }
        if scalar.text.hasPrefix("unix:") {
            return unix(scalar, expected: expected, context: context)
        }
        guard let (host, port) = hostAndPort(scalar.text), isHost(host) else {
            var remedy = context.proposal(scalar) { AddressGuess.address(meantBy: $0, isListening: role == .listening) }
            if remedy.isEmpty { remedy = hostAndPort(scalar.text).map { HostName.remedy(for: $0.host) } ?? "" }
            context.report("expected \(expected), found \(scalar.shown)\(remedy)", at: scalar.place)
            return nil
        }
        let range = role == .listening ? 0...65_535 : 1...65_535
        guard port.utf8.count <= 5, let port = Int(decimalDigits: port), range.contains(port) else {
            let bounds = "\(range.lowerBound) to \(range.upperBound)"
            context.report("expected a port from \(bounds), found \(scalar.shown)", at: scalar.place)
            return nil
        }
        return .tcp(host: host.lowercased(), port: port)
    }

    /// A host, with or without a port from 1 to 65535, as it stands in a URI: in lower case. nil: it is none.
    static func authority(_ text: String) -> String? {
        if HostName.isValid(text) || HostName.isBracketedV6(text) { return text.lowercased() }
        guard let (host, port) = hostAndPort(text), isHost(host), port.utf8.count <= 5,
            let number = Int(decimalDigits: port),
            (1...65_535).contains(number)
        else { return nil }
        return text.lowercased()
    }

    private static func unix(_ scalar: ScalarText, expected: String, context: ReadingContext) -> Address? {
        let path = scalar.text.dropFirst("unix:".count)
        guard !path.isEmpty else {
            context.report("expected \(expected), found \(scalar.shown)", at: scalar.place)
            return nil
        }
        return unixPath(String(path), at: scalar.place, context: context).map { .unix(path: $0) }
    }

    /// Absolute, and short enough for a socket.
    static func unixPath(_ path: String, at place: Place, context: ReadingContext) -> String? {
        let absolute = context.absolutePath(path)
        guard absolute.utf8.count <= unixPathLimit else {
            context.report(
                "the path of the unix socket is \(absolute.utf8.count) bytes, limit \(unixPathLimit)", at: place)
            return nil
        }
        return absolute
    }

    /// Whether `text` is a host and a port from 1 to 65535.
    static func isTCP(_ text: String) -> Bool {
        guard let (host, port) = hostAndPort(text), isHost(host), port.utf8.count <= 5,
            let number = Int(decimalDigits: port)
        else { return false }
        return (1...65_535).contains(number)
    }

    /// Brackets are taken off; the port is digits.
    private static func hostAndPort(_ text: String) -> (host: String, port: String)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let port = String(text[text.index(after: colon)...])
        guard !port.isEmpty, port.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        var host = text[..<colon]
        guard host.hasPrefix("[") else { return host.contains(":") ? nil : (String(host), port) }
        guard host.hasSuffix("]") else { return nil }
        host = host.dropFirst().dropLast()
        return IPPrefix(String(host))?.bytes.count == 16 ? (String(host), port) : nil
    }

    private static func isHost(_ host: String) -> Bool {
        host.contains(":") || HostName.isValid(host)
    }
}
