public import HTTPTypes

/// The server's part of the drafts' opening handshakes, over HTTP/1.1.
public enum LegacyHandshake {
    /// A request that speaks a draft, and what is to be done with it where that draft is accepted.
    public struct Judgement: Sendable {
        public var draft: LegacyDraft
        public var result: Result<UpgradeRequest, HandshakeRefusal>
    }

    /// Judges a request that ``ServerHandshake/judge(_:)`` has refused for its version.
    ///
    /// The value it gives is one of RFC 6455: the origin of versions 7 and 8 is in `Origin`, where servers look for it,
    /// and an offer of permessage-deflate, which is younger, is left out.
    ///
    /// - Returns: nil for a version that is none of the drafts'.
    public static func judge(_ request: HTTPRequest) -> Judgement? {
        let fields = request.headerFields
        let versions = fields[values: .secWebSocketVersion].map { FieldScanner.trimmed($0) }
        if ServerHandshake.hasObsoleteKeys(fields) {
            return Judgement(
                draft: .hixie76,
                result: Result { () throws(HandshakeRefusal) in try hixie76(request, versions: versions) })
        }
        guard versions.count == 1, let draft = LegacyDraft(rawValue: versions[0]), draft != .hixie76 else { return nil }
        return Judgement(
            draft: draft, result: Result { () throws(HandshakeRefusal) in try numbered(request, draft) })
    }

    /// The fields that the answer to hixie-76 has beside `Upgrade` and `Connection`
    /// (draft-ietf-hybi-thewebsocketprotocol-00 §5.2).
    ///
    /// - Parameters:
    ///   - upgrade: what was agreed to.
    ///   - subprotocol: one of those the client named, or nil.
    ///   - isSecure: whether the client's URL begins with `wss`.
    public static func hixieResponseFields(
        to upgrade: UpgradeRequest, subprotocol: String?, isSecure: Bool
    ) -> HTTPFields {
        var fields = HTTPFields()
        // The draft has this case, and its clients may compare it as it is.
        fields[.upgrade] = "WebSocket"
        fields[.connection] = "Upgrade"
        if let origin = upgrade.origin { fields[.secWebSocketOrigin] = origin }
        let authority = upgrade.request.authority ?? ""
        fields[.secWebSocketLocation] = "\(isSecure ? "wss" : "ws")://\(authority)\(upgrade.request.path ?? "/")"
        if let subprotocol { fields[.secWebSocketProtocol] = subprotocol }
        return fields
    }

    // MARK: Versions 7 and 8

    private static func numbered(
        _ request: HTTPRequest, _ draft: LegacyDraft
    ) throws(HandshakeRefusal) -> UpgradeRequest {
        try checkRest(request)
        let fields = request.headerFields
        let key = try ServerHandshake.key(in: fields)
        let origin = try origin(of: fields)
        let offers = try ServerHandshake.extensions(fields).filter { $0.name != "permessage-deflate" }
        return UpgradeRequest(
            request: withOrigin(request, origin), key: key, subprotocols: try ServerHandshake.subprotocols(fields),
            extensionOffers: offers, origin: origin, draft: draft)
    }

    /// `Sec-WebSocket-Origin`; a request that has `Origin` as well says the same in both.
    private static func origin(of fields: HTTPFields) throws(HandshakeRefusal) -> String? {
        let origins = fields[values: .secWebSocketOrigin] + fields[values: .origin]
        guard fields[values: .secWebSocketOrigin].count <= 1, fields[values: .origin].count <= 1,
            origins.allSatisfy({ $0 == origins.first })
        else {
            throw ServerHandshake.badRequest("Sec-WebSocket-Origin and Origin name different origins, expected one")
        }
        return origins.first
    }

    private static func withOrigin(_ request: HTTPRequest, _ origin: String?) -> HTTPRequest {
        var request = request
        request.headerFields[.secWebSocketOrigin] = nil
        request.headerFields[.origin] = origin
        return request
    }

    // MARK: hixie-76

    private static func hixie76(_ request: HTTPRequest, versions: [String]) throws(HandshakeRefusal) -> UpgradeRequest {
        try checkRest(request)
        let fields = request.headerFields
        guard versions.isEmpty, fields[values: .secWebSocketKey].isEmpty else {
            throw ServerHandshake.badRequest(
                "Sec-WebSocket-Key1/Key2 came with the fields of a later version, expected those of one version")
        }
        let challenge = HixieChallenge(
            first: try number(.secWebSocketKey1, in: fields), second: try number(.secWebSocketKey2, in: fields))
        let origins = fields[values: .origin]
        guard origins.count <= 1 else {
            throw ServerHandshake.badRequest("Origin came \(origins.count) times, expected once")
        }
        return UpgradeRequest(
            request: request, subprotocols: try spacedSubprotocols(fields), origin: origins.first, draft: .hixie76,
            challenge: challenge)
    }

    private static func number(_ name: HTTPField.Name, in fields: HTTPFields) throws(HandshakeRefusal) -> UInt32 {
        let values = fields[values: name]
        guard values.count == 1 else {
            throw ServerHandshake.badRequest("\(name.rawName) came \(values.count) times, expected once")
        }
        guard let number = HixieChallenge.number(ofKey: values[0]) else {
            throw ServerHandshake.badRequest(
                "\(name.rawName) is not a key, expected digits of a number below 2^32 that its count of spaces divides")
        }
        return number
    }

    /// Spaces are between the names here; a comma is in none that a server could be asked for.
    private static func spacedSubprotocols(_ fields: HTTPFields) throws(HandshakeRefusal) -> [String] {
        var listed = HTTPFields()
        for value in fields[values: .secWebSocketProtocol] {
            let names = value.split(separator: " ").joined(separator: ",")
            listed.append(HTTPField(name: .secWebSocketProtocol, value: names))
        }
        return try ServerHandshake.subprotocols(listed)
    }

    /// What both kinds share with RFC 6455.
    private static func checkRest(_ request: HTTPRequest) throws(HandshakeRefusal) {
        guard request.method == .get else {
            throw ServerHandshake.badRequest(
                "method is \(request.method.rawValue.prefix(16)), a WebSocket handshake is a GET")
        }
        guard let authority = request.authority, !authority.isEmpty else {
            throw ServerHandshake.badRequest("Host is missing or empty, expected the name of the server")
        }
        try ServerHandshake.refuseBody(request.headerFields)
    }
}

extension HTTPField.Name {
    static let secWebSocketOrigin = draft("Sec-WebSocket-Origin")
    static let secWebSocketLocation = draft("Sec-WebSocket-Location")
    static let secWebSocketKey1 = draft("Sec-WebSocket-Key1")
    static let secWebSocketKey2 = draft("Sec-WebSocket-Key2")

    /// For literals that are tokens; the fallback is never taken.
    private static func draft(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}
