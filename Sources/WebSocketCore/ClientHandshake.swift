public import HTTPTypes

/// Why a server's answer to the opening handshake is refused.
public struct AnswerViolation: Error, Equatable, Sendable, CustomStringConvertible {
    /// One line: what was expected and what arrived.
    public var message: String

    public init(message: String) {
        self.message = message
    }

    public var description: String { message }
}

/// The client's part of the opening handshake (RFC 6455 §4.1).
public enum ClientHandshake {
    /// The fields of a request that the protocol asks for, `Host` and `Origin` apart.
    ///
    /// - Parameters:
    ///   - key: from ``HandshakeKey/make(from:)``; nil over HTTP/2, which has no key and no upgrade (RFC 8441 §5).
    ///   - subprotocols: in the order of preference.
    ///   - extensions: in the order of preference.
    public static func requestFields(
        key: String?, subprotocols: [String] = [], extensions: [ExtensionOffer] = []
    ) -> HTTPFields {
        var fields = HTTPFields()
        func add(_ name: HTTPField.Name, _ value: String) { fields.append(HTTPField(name: name, value: value)) }
        if let key {
            add(.upgrade, "websocket")
            add(.connection, "Upgrade")
            add(.secWebSocketKey, key)
        }
        add(.secWebSocketVersion, "13")
        if !subprotocols.isEmpty { add(.secWebSocketProtocol, subprotocols.joined(separator: ", ")) }
        if !extensions.isEmpty {
            add(.secWebSocketExtensions, extensions.map(\.description).joined(separator: ", "))
        }
        return fields
    }

    /// Judges an HTTP/1.1 answer as the end of RFC 6455 §4.1 says. The extensions are only read: whether they were
    /// offered, and with such parameters, is for whoever offered them to judge.
    ///
    /// - Throws: `AnswerViolation` for a status other than 101, a missing or wrong `Upgrade`, `Connection` or
    ///   `Sec-WebSocket-Accept`, a subprotocol that was not offered, and extensions that cannot be read.
    public static func verify(
        status: Int, fields: HTTPFields, key: String, offeredSubprotocols: [String]
    ) throws(AnswerViolation) -> (subprotocol: String?, extensions: [ExtensionOffer]) {
        guard status == 101 else { throw AnswerViolation(message: "status is \(status), expected 101") }
        // To websocket alone: a list of protocols would not say which one comes now.
        let upgrade = fields[values: .upgrade]
        guard upgrade.count == 1, TokenList.equal(FieldScanner.trimmed(upgrade[0]), "websocket") else {
            throw unexpected("Upgrade", upgrade, known: ["h2c"], expected: "websocket")
        }
        guard TokenList.contains(fields[values: .connection], token: "upgrade") else {
            throw unexpected(
                "Connection", fields[values: .connection], known: ["close", "keep-alive"], expected: "Upgrade")
        }
        let accept = HandshakeKey.accept(for: key)
        let arrived = fields[values: .secWebSocketAccept]
        guard arrived.count == 1, FieldScanner.trimmed(arrived[0]) == accept else {
            throw unexpected("Sec-WebSocket-Accept", arrived, expected: "the hash of Sec-WebSocket-Key")
        }
        return try negotiated(fields, offeredSubprotocols)
    }

    /// Judges the answer to an HTTP/2 extended CONNECT (RFC 8441 §5), which has no `Sec-WebSocket-Accept`.
    ///
    /// - Throws: `AnswerViolation` for a status that is not 2xx, and otherwise as
    ///   ``verify(status:fields:key:offeredSubprotocols:)``.
    public static func verifyExtendedConnect(
        status: Int, fields: HTTPFields, offeredSubprotocols: [String]
    ) throws(AnswerViolation) -> (subprotocol: String?, extensions: [ExtensionOffer]) {
        guard (200...299).contains(status) else {
            throw AnswerViolation(message: "status is \(status), expected 200")
        }
        return try negotiated(fields, offeredSubprotocols)
    }

    private static func negotiated(
        _ fields: HTTPFields, _ offered: [String]
    ) throws(AnswerViolation) -> (subprotocol: String?, extensions: [ExtensionOffer]) {
        var subprotocol: String?
        let names = fields[values: .secWebSocketProtocol]
        if !names.isEmpty {
            // One value that was offered as it is: a list of two, or of none, is not among the tokens offered.
            let name = FieldScanner.trimmed(names[0])
            guard names.count == 1 else {
                throw unexpected("Sec-WebSocket-Protocol", names, expected: "one of those that the gateway offered")
            }
            guard offered.contains(name) else {
                let count = offered.isEmpty ? "none" : "\(offered.count)"
                throw AnswerViolation(
                    message: "the server chose a subprotocol that the gateway did not offer "
                        + "(it offered \(count))")
            }
            subprotocol = name
        }
        do {
            return (subprotocol, try ExtensionHeader.parse(fields[values: .secWebSocketExtensions]))
        } catch {
            throw AnswerViolation(message: "Sec-WebSocket-Extensions: \(error)")
        }
    }

    private static func unexpected(
        _ name: String, _ values: [String], known: Set<String> = [], expected: String
    ) -> AnswerViolation {
        AnswerViolation(message: "\(name) is \(described(values, known: known)), expected \(expected)")
    }
}
