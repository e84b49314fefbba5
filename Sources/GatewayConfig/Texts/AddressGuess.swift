/// The address that someone means who writes it as other programs do.
enum AddressGuess {
    private static let ports = ["http": "80", "ws": "80", "https": "443", "wss": "443"]

    /// - Parameter isListening: whether an address without a host stands for all of this machine's, and not for the
    ///   machine itself.
    /// - Returns: an address as the configuration writes it; nil: nothing is near.
    static func address(meantBy text: String, isListening: Bool) -> String? {
        guess(text, isListening: isListening).flatMap { AddressText.isTCP($0) || $0.hasPrefix("unix:/") ? $0 : nil }
    }

    private static func guess(_ text: String, isListening: Bool) -> String? {
        if let separator = text.firstRange(of: "://") {
            return url(scheme: text[..<separator.lowerBound].lowercased(), rest: text[separator.upperBound...])
        }
        if text.hasPrefix("/") { return "unix:\(text)" }
        let anyHost = isListening ? "0.0.0.0" : "127.0.0.1"
        if Int(decimalDigits: text) != nil { return "\(anyHost):\(text)" }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let host = text[..<colon]
        let port = text[colon...]
        if host.isEmpty || host == "*" { return "\(anyHost)\(port)" }
        // `::1:8080` is an address of its own, without a port; whoever writes it seldom means that.
        return host.contains(":") && !host.hasPrefix("[") ? "[\(host)]\(port)" : nil
    }

    /// Host and port of a URL; the path is for `health_check` or `rewrite` to say.
    private static func url(scheme: String, rest: Substring) -> String? {
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if scheme == "unix" { return rest.hasPrefix("/") ? "unix:\(rest)" : nil }
        // User and password are not for a message.
        guard !authority.contains("@") else { return nil }
        if AddressText.isTCP(String(authority)) { return String(authority) }
        return ports[scheme].map { "\(authority):\($0)" }
    }
}
