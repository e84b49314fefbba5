import GatewayConfig
public import HTTPTypes

/// Names of fields as servers see them that make variables of names (CGI, RFC 3875 §4.1.18; WSGI, Rack): case is lost
/// there, and `X_Forwarded_For` and `X-Forwarded-For` become the same `HTTP_X_FORWARDED_FOR`.
public enum FieldNames {
    /// Whether the name of a field can be taken for another one: it has more than letters, digits and `-`.
    public static func isFoldable(_ name: HTTPField.Name) -> Bool {
        !name.canonicalName.utf8.allSatisfy(isPlain)
    }

    /// The name that such servers can't tell from this one: lower case, each other character but digits a `-`.
    static func folded(_ name: HTTPField.Name) -> String {
        guard isFoldable(name) else { return name.canonicalName }
        let bytes = name.canonicalName.utf8.map { isPlain($0) ? $0 : UInt8(ascii: "-") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether a listener does not let all of these fields in as they are.
    static func areChanged(_ fields: HTTPFields, by underscores: Underscores) -> Bool {
        underscores != .pass && fields.contains { isFoldable($0.name) }
    }

    /// The fields that a listener lets in.
    ///
    /// - Throws: `Refusal.badRequest` where it refuses such names.
    static func admitted(_ fields: HTTPFields, _ underscores: Underscores) throws(Refusal) -> HTTPFields {
        guard underscores != .pass, let first = fields.first(where: { isFoldable($0.name) }) else { return fields }
        guard underscores == .drop else {
            throw .badRequest(
                "field name \(first.name.rawName.prefix(64)) has other characters than letters, digits and -")
        }
        var fields = fields
        fields.removeAll { isFoldable($0.name) }
        return fields
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension HTTPFields {
    /// Sets a field and removes all that servers could take for it. It takes the place of the first of its own name, or
    /// the end. nil removes alone.
    public mutating func setFolding(_ name: HTTPField.Name, to value: String?) {
        let folded = FieldNames.folded(name)
        let length = folded.utf8.count
        // Most fields have a name of another length, and most requests have no such field.
        func isTaken(for field: HTTPField) -> Bool {
            field.name.canonicalName.utf8.count == length && FieldNames.folded(field.name) == folded
        }
        guard contains(where: isTaken) else {
            if let value { append(HTTPField(name: name, value: value)) }
            return
        }
        removeAll { $0.name != name && isTaken(for: $0) }
        self[values: name] = value.map { [$0] } ?? []
    }
}
