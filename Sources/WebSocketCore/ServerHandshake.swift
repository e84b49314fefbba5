public import HTTPTypes

/// Why a request to open a WebSocket is refused, and with which status.
public struct HandshakeRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// 400
        case badRequest
        /// 426 with `Sec-WebSocket-Version: 13` (RFC 6455 §4.4)
        case unsupportedVersion
        /// The drafts' handshake, before RFC 6455: 426 with `Sec-WebSocket-Version: 13`
        case obsoleteKey1Key2
    }

    public var kind: Kind
    /// One line: what was expected and what arrived.
    public var message: String

    public init(kind: Kind, message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}

/// The server's part of the opening handshake (RFC 6455 §4.2).
public enum ServerHandshake {
    public enum Outcome: Equatable, Sendable {
        case upgrade(UpgradeRequest)
        /// An ordinary request.
        case notWebSocket
        case refused(HandshakeRefusal)
    }

    /// Judges the head of an HTTP/1.1 request (RFC 6455 §4.2.1), its `connection` and `upgrade` fields included.
    public static func judge(_ request: HTTPRequest) -> Outcome {
        let fields = request.headerFields
        guard TokenList.contains(fields[values: .upgrade], token: "websocket"),
            TokenList.contains(fields[values: .connection], token: "upgrade")
        else { return .notWebSocket }
        do throws(HandshakeRefusal) {
            guard request.method == .get else {
                throw badRequest("method is \(request.method.rawValue.prefix(16)), a WebSocket handshake is a GET")
            }
            guard !hasObsoleteKeys(fields) else {
                throw HandshakeRefusal(
                    kind: .obsoleteKey1Key2,
                    message: "Sec-WebSocket-Key1/Key2 are of a draft of the protocol, expected RFC 6455, version 13")
            }
            return .upgrade(try negotiate(request) { fields throws(HandshakeRefusal) in try key(in: fields) })
        } catch {
            return .refused(error)
        }
    }

    /// Judges an HTTP/2 extended CONNECT (RFC 8441 §5), which carries no key.
    public static func judgeExtendedConnect(_ request: HTTPRequest) -> Outcome {
        guard request.method == .connect, let name = request.extendedConnectProtocol,
            // One protocol, where Upgrade has a list (RFC 8441 §4).
            TokenList.equal(name, "websocket")
        else { return .notWebSocket }
        do throws(HandshakeRefusal) {
            return .upgrade(try negotiate(request) { _ in nil })
        } catch {
            return .refused(error)
        }
    }

    /// The fields of a 101 that the protocol asks for (RFC 6455 §4.2.2), or of a 200 over HTTP/2 (RFC 8441 §5).
    ///
    /// - Parameters:
    ///   - key: the client's `Sec-WebSocket-Key`; nil over HTTP/2, which has neither key nor upgrade.
    ///   - accept: `HandshakeKey.accept(for:)` of that key, where it is known already.
    ///   - subprotocol: one of those the client named, or nil.
    ///   - extensions: the value of `Sec-WebSocket-Extensions`, or nil.
    public static func responseFields(
        key: String?, accept: String? = nil, subprotocol: String?, extensions: String?
    ) -> HTTPFields {
        var fields = HTTPFields()
        func add(_ name: HTTPField.Name, _ value: String) { fields.append(HTTPField(name: name, value: value)) }
        if let key {
            add(.upgrade, "websocket")
            add(.connection, "Upgrade")
            add(.secWebSocketAccept, accept ?? HandshakeKey.accept(for: key))
        }
        if let subprotocol { add(.secWebSocketProtocol, subprotocol) }
        if let extensions { add(.secWebSocketExtensions, extensions) }
        return fields
    }

    /// What both ways of opening have in common.
    private static func negotiate(
        _ request: HTTPRequest, key: (HTTPFields) throws(HandshakeRefusal) -> String?
    ) throws(HandshakeRefusal) -> UpgradeRequest {
        let fields = request.headerFields
        guard let authority = request.authority, !authority.isEmpty else {
            throw badRequest("Host is missing or empty, expected the name of the server")
        }
        try refuseBody(fields)
        try requireVersion(fields[values: .secWebSocketVersion])
        let key = try key(fields)
        let origins = fields[values: .origin]
        guard origins.count <= 1 else { throw badRequest("Origin came \(origins.count) times, expected once") }
        return UpgradeRequest(
            request: request, key: key, subprotocols: try subprotocols(fields), extensionOffers: try extensions(fields),
            origin: origins.first)
    }

    static func hasObsoleteKeys(_ fields: HTTPFields) -> Bool {
        fields.contains {
            $0.name.canonicalName == "sec-websocket-key1" || $0.name.canonicalName == "sec-websocket-key2"
        }
    }

    /// A body would be read as frames by one side and as a body by another.
    static func refuseBody(_ fields: HTTPFields) throws(HandshakeRefusal) {
        guard !fields.contains(.transferEncoding) else {
            throw badRequest("Transfer-Encoding on a WebSocket handshake, expected no body")
        }
        for length in fields[values: .contentLength] where FieldScanner.trimmed(length) != "0" {
            throw badRequest("Content-Length is not 0 on a WebSocket handshake, expected no body")
        }
    }

    private static func requireVersion(_ values: [String]) throws(HandshakeRefusal) {
        guard values.count == 1, FieldScanner.trimmed(values[0]) == "13" else {
            let known = Set((0...255).map { String($0) })
            throw HandshakeRefusal(
                kind: .unsupportedVersion,
                message: "Sec-WebSocket-Version is \(described(values, known: known)), expected 13")
        }
    }

    static func key(in fields: HTTPFields) throws(HandshakeRefusal) -> String {
        let values = fields[values: .secWebSocketKey]
        guard values.count == 1 else {
            throw badRequest("Sec-WebSocket-Key came \(values.count) times, expected once")
        }
        let key = FieldScanner.trimmed(values[0])
        guard HandshakeKey.isValid(key) else {
            throw badRequest(
                "Sec-WebSocket-Key is \(key.utf8.count) bytes, expected 24, which are 16 bytes in Base64")
        }
        return key
    }

    static func subprotocols(_ fields: HTTPFields) throws(HandshakeRefusal) -> [String] {
        let names: [String]
        do {
            names = try TokenList.parse(fields[values: .secWebSocketProtocol])
        } catch {
            throw badRequest("Sec-WebSocket-Protocol: \(error)")
        }
        var seen: Set<String> = []
        // Pages can put a token nowhere else, so names are not shown.
        guard names.allSatisfy({ seen.insert($0).inserted }) else {
            throw badRequest("Sec-WebSocket-Protocol names a subprotocol twice, expected each once")
        }
        return names
    }

    static func extensions(_ fields: HTTPFields) throws(HandshakeRefusal) -> [ExtensionOffer] {
        do {
            return try ExtensionHeader.parse(fields[values: .secWebSocketExtensions])
        } catch {
            throw badRequest("Sec-WebSocket-Extensions: \(error)")
        }
    }

    static func badRequest(_ message: String) -> HandshakeRefusal {
        HandshakeRefusal(kind: .badRequest, message: message)
    }
}
