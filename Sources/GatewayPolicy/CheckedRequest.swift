public import GatewayConfig
public import HTTPTypes

/// A request whose target, authority and field names can be read in one way only, over either HTTP version. Nothing
/// else is routed, judged or passed on.
public struct CheckedRequest: Sendable {
    /// Without `Host`, and without the fields that the listener drops.
    public let request: HTTPRequest
    public let authority: Authority
    public let target: RequestTarget

    /// - Parameter request: in origin form. Over HTTP/2 a `host` field may stand beside `:authority`.
    /// - Throws: `Refusal.badRequest` for what could be read in two ways, or not at all.
    public init(_ request: HTTPRequest, on listener: ListenerConfiguration) throws(Refusal) {
        let sent = request.authority ?? ""
        guard let authority = Authority(sent) else {
            throw .badRequest("Host or :authority is not an authority, expected a host and an optional port")
        }
        for host in request.headerFields[values: .host]
        where !AuthorityText.isSame(sent, host, scheme: request.scheme ?? "") {
            throw .badRequest(":authority and host name different hosts")
        }
        let path = try Self.path(of: request)
        target = try RequestTarget(path, encodedSlashes: listener.encodedSlashes)
        var checked = request
        // Most requests are right as they are, and setting their fields would copy them.
        if FieldNames.areChanged(request.headerFields, by: listener.underscores) {
            checked.headerFields = try FieldNames.admitted(request.headerFields, listener.underscores)
        }
        if checked.headerFields.contains(.host) { checked.headerFields[.host] = nil }
        self.request = checked
        self.authority = authority
    }

    /// A CONNECT without `:protocol` has no path (RFC 9113 §8.5).
    private static func path(of request: HTTPRequest) throws(Refusal) -> String {
        if let path = request.path { return path }
        throw .badRequest("CONNECT came without :protocol, and this gateway is not a forward proxy")
    }
}

extension HTTPField.Name {
    fileprivate static let host = HTTPField.Name("Host") ?? .via
}
