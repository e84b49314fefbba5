public import GatewayConfig
public import HTTPTypes

/// The header fields that go from one leg to the other: those that are about one connection alone stay behind
/// (RFC 9110 §7.6.1), the route's edits are made, everything else keeps its order and case.
///
/// `Sec-WebSocket-*` fields of a handshake stay behind too, as each leg has a handshake of its own; the caller adds its
/// own, and `Connection` and `Upgrade` with them.
public enum HeaderFilter {
    /// The fields of a client's request to send on to the server. A field that the server could take for one that stays
    /// behind or is edited (`FieldNames`) is treated as that one.
    public static func request(_ fields: HTTPFields, edits: HeaderEdits = .init()) -> HTTPFields {
        edit(endToEnd(fields, isHandshake: true, name: FieldNames.folded), edits) { $0.setFolding($1, to: $2) }
    }

    /// The fields of a server's answer to send on to the client.
    ///
    /// - Parameter isHandshake: whether the server agreed (101, or 200 to an extended CONNECT). Of a refusal
    ///   `Sec-WebSocket-*` and `Content-Length` go through, as they describe it.
    public static func response(_ fields: HTTPFields, edits: HeaderEdits = .init(), isHandshake: Bool) -> HTTPFields {
        edit(endToEnd(fields, isHandshake: isHandshake, name: \.canonicalName), edits) { fields, name, value in
            fields[values: name] = value.map { [$0] } ?? []
        }
    }

    /// Fields of one connection, whether `Connection` names them or not.
    private static func isHopByHop(_ name: String) -> Bool {
        switch name.utf8.count {
        case 2: name == "te"
        case 7: name == "upgrade" || name == "trailer"
        case 10: name == "connection" || name == "keep-alive"
        case 14: name == "http2-settings"
        case 16: name == "proxy-connection"
        case 17: name == "transfer-encoding"
        case 18: name == "proxy-authenticate"
        case 19: name == "proxy-authorization"
        case 25: name == "proxy-authentication-info"
        default: false
        }
    }

    /// Fields that a client can't take away by naming them in `Connection`: servers decide by them whom they trust.
    private static let neverNominated: Set<String> = ["host", "origin", "forwarded", "authorization", "cookie"]

    private static func endToEnd(
        _ fields: HTTPFields, isHandshake: Bool, name seen: (HTTPField.Name) -> String
    ) -> HTTPFields {
        let nominated = nominatedNames(in: fields)
        var kept = HTTPFields()
        kept.reserveCapacity(fields.count)
        for field in fields {
            let name = seen(field.name)
            if isHopByHop(name) || !nominated.isEmpty && nominated.contains(field.name.canonicalName) { continue }
            if isHandshake, name.hasPrefix("sec-websocket-") || name == "content-length" { continue }
            kept.append(field)
        }
        return kept
    }

    /// What the `Connection` fields name, in lower case.
    ///
    /// Those that stay behind in any case are left out: mostly nothing remains.
    private static func nominatedNames(in fields: HTTPFields) -> Set<String> {
        var names: Set<String> = []
        for field in fields where field.name == .connection {
            let value = field.value
            if isUsual(value) { continue }
            for option in value.utf8.split(separator: UInt8(ascii: ",")) {
                let name = lowercasedASCII(option.lazy.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") })
                if !neverNominated.contains(name), !name.hasPrefix("x-forwarded-"), !isHopByHop(name) {
                    names.insert(name)
                }
            }
        }
        return names
    }

    /// Names nothing that does not stay behind in any case.
    private static func isUsual(_ connection: String) -> Bool {
        switch connection.utf8.count {
        case 7: connection == "Upgrade" || connection == "upgrade"
        case 10: connection == "keep-alive" || connection == "Keep-Alive"
        case 19: connection == "keep-alive, Upgrade"
        default: false
        }
    }

    /// A field that is set takes the place of the first of its name, or the end.
    private static func edit(
        _ fields: HTTPFields, _ edits: HeaderEdits, set: (inout HTTPFields, HTTPField.Name, String?) -> Void
    ) -> HTTPFields {
        guard !edits.remove.isEmpty || !edits.set.isEmpty else { return fields }
        var fields = fields
        for name in edits.remove.compactMap({ HTTPField.Name($0) }) { set(&fields, name, nil) }
        for (name, value) in edits.set.sorted(by: { $0.key < $1.key }) {
            if let name = HTTPField.Name(name) { set(&fields, name, value) }
        }
        return fields
    }
}
