public import GatewayConfig
public import HTTPTypes

/// The fields behind a message's content that go on (RFC 9110 §6.5).
///
/// Some receivers merge them into the head, long after everybody on the way has judged that. So none goes on that says
/// how the message is framed, where it goes, who sends it or how it is to be read (RFC 9110 §6.5.1).
public enum TrailerFields {
    /// The fields that go on, in their order.
    ///
    /// - Parameter edits: what the route makes of the head: a field that it sets or removes is no field of the trailers
    ///   either.
    /// - Returns: nil when none is left.
    public static func kept(_ fields: HTTPFields, edits: HeaderEdits = .init()) -> HTTPFields? {
        let edited = Set((edits.remove + edits.set.keys).compactMap { HTTPField.Name($0) }.map(FieldNames.folded))
        var fields = fields
        fields.removeAll { field in
            let name = FieldNames.folded(field.name)
            return edited.contains(name) || !mayGoOn(name)
        }
        return fields.isEmpty ? nil : fields
    }

    /// - Parameter name: in lower case, as `FieldNames.folded` has it.
    private static func mayGoOn(_ name: String) -> Bool {
        if kept.contains(name) { return true }
        return !dropped.contains(name) && !droppedPrefixes.contains { name.hasPrefix($0) }
    }

    /// Digests of the content are made for this place (RFC 9530 §2).
    private static let kept: Set<String> = ["content-digest", "content-md5"]

    private static let dropped: Set<String> = [
        // Framing and the connection.
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "http2-settings",
        // Routing, and what this gateway tells of the client.
        "host", "forwarded", "via", "origin", "referer", "x-real-ip", "x-request-id", "traceparent", "tracestate",
        // Who is asking, and who may.
        "authorization", "authentication-info", "proxy-authenticate", "proxy-authorization",
        "proxy-authentication-info", "www-authenticate", "cookie", "set-cookie",
        // What is asked for.
        "cache-control", "expect", "max-forwards", "pragma", "range", "prefer",
        // What the answer means.
        "accept-ranges", "age", "allow", "date", "expires", "last-modified", "location", "refresh", "retry-after",
        "strict-transport-security", "vary", "warning",
    ]

    /// The content's format, conditions, what a request would take, what a page of another origin may, WebSockets, and
    /// what this gateway tells of the client.
    private static let droppedPrefixes = ["content-", "if-", "accept-", "access-control-", "sec-", "x-forwarded-"]
}
