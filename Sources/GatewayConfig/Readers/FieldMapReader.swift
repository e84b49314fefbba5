/// Mappings of names to text, as in `headers` and `query` conditions and in header edits.
struct FieldMapReader {
    enum Names {
        /// HTTP field names, made lower case.
        case fields
        /// HTTP field names to write: those the gateway owns are refused.
        case editable
        /// Any text that is not empty.
        case parameters
    }

    let context: ReadingContext
    let names: Names

    /// Numbers and words such as `true` are taken as their text.
    func read(_ node: YAMLNode) -> [String: String]? {
        guard case .mapping(let entries) = node.kind else {
            context.report("expected a mapping of names to values, found \(node.found)", at: node.place)
            return nil
        }
        var result: [String: String] = [:]
        for entry in entries {
            guard let name = name(entry.key, shown: quoted(entry.key), at: entry.place),
                let value = context.scalar(entry.value, expecting: "text")
            else { continue }
            if names != .parameters, !FieldSyntax.isValue(value.text) {
                context.report("a field value can't contain control characters", at: value.place)
            } else if result.updateValue(value.text, forKey: name) != nil {
                context.report("the field \(quoted(name)) is given twice", at: entry.place)
            }
        }
        return result
    }

    /// As a result has it; reports what can't be a name, in the form `shown`.
    func name(_ text: String, shown: String, at place: Place) -> String? {
        switch names {
        case .parameters:
            guard !text.isEmpty else {
                context.report("expected the name of a parameter, found nothing", at: place)
                return nil
            }
            return text
        case .fields, .editable:
            guard FieldSyntax.isToken(text) else {
                context.report("expected a field name such as X-Tenant, found \(shown)", at: place)
                return nil
            }
            let name = text.lowercased()
            guard names == .fields || !FieldSyntax.isOwned(name) else {
                context.report("the gateway writes \(shown) itself; it can't be changed here", at: place)
                return nil
            }
            return name
        }
    }
}

/// `request_headers` and `response_headers`.
enum HeaderEditsReader {
    /// A key that is given replaces that of `inherited`.
    static func read(_ node: YAMLNode, inherited: HeaderEdits, context: ReadingContext) -> HeaderEdits {
        var edits = inherited
        guard let section = MappingReader(node, .headerEdits, context: context) else { return edits }
        let fields = FieldMapReader(context: context, names: .editable)
        if let set = section.node("set").flatMap(fields.read) { edits.set = set }
        if let names = section.list("remove", expecting: "a list of field names such as [Cookie]") {
            edits.remove = names.compactMap { node in
                guard let scalar = context.text(node, expecting: "a field name such as X-Tenant"),
                    let name = fields.name(scalar.text, shown: scalar.shown, at: scalar.place)
                else { return nil }
                guard name != "host" else {
                    context.report("Host can be set, but not removed (RFC 9112 §3.2)", at: scalar.place)
                    return nil
                }
                return name
            }
        }
        section.finish()
        return edits
    }
}
