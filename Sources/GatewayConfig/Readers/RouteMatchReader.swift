/// `match`.
struct RouteMatchReader {
    let context: ReadingContext

    private static let patternLimit = 1024

    /// nil when a condition could not be read: without it the route would match too much.
    func read(_ node: YAMLNode, _ references: inout References) -> RouteMatchConfiguration? {
        guard let section = MappingReader(node, .match, context: context, expecting: "a mapping of conditions") else {
            return nil
        }
        let before = context.issues.count
        var match = RouteMatchConfiguration()
        if let hosts = section.list("hosts", expecting: "a list of hosts such as [chat.example.com]") {
            refuseEmpty(hosts, "hosts", of: "host", in: section)
            match.hosts = hosts.compactMap { HostName.pattern($0, context: context) }
        }
        match.path = self.path(section)
        let fields = FieldMapReader(context: context, names: .fields)
        match.headers = section.node("headers").flatMap(fields.read) ?? [:]
        let parameters = FieldMapReader(context: context, names: .parameters)
        match.query = section.node("query").flatMap(parameters.read) ?? [:]
        let expected = "a list of subprotocols such as [graphql-transport-ws]"
        if let subprotocols = section.list("subprotocols", expecting: expected) {
            refuseEmpty(subprotocols, "subprotocols", of: "offer", in: section)
            match.subprotocols = subprotocols.compactMap { node in
                // A token, as RFC 6455 §4.1 item 10 says.
                context.value(node, expecting: "a subprotocol such as graphql-transport-ws") {
                    FieldSyntax.isToken($0) ? $0 : nil
                }
            }
        }
        if let listeners = section.list("listeners", expecting: "a list of names of listeners such as [public]") {
            refuseEmpty(listeners, "listeners", of: "listener", in: section)
            let names = listeners.compactMap(context.name)
            references.listenerUses += names.map { .init(value: $0.text, place: $0.place) }
            match.listeners = names.map(\.text)
        }
        section.finish()
        return context.issues.count == before ? match : nil
    }

    /// To some an empty list means all, to others none.
    private func refuseEmpty(_ list: [YAMLNode], _ key: String, of what: String, in section: MappingReader) {
        guard list.isEmpty, let place = section.node(key)?.place else { return }
        context.report("the list of \(key) is empty; leave \(key) out to match any \(what)", at: place)
    }

    private func path(_ section: MappingReader) -> RouteMatchConfiguration.Path? {
        let given = section.givenOfChoice()
        guard let entry = given.first else { return nil }
        for other in given.dropFirst() {
            context.report("\(entry.key) and \(other.key) exclude each other; remove one of them", at: other.place)
        }
        switch entry.key {
        case "path": return context.path(entry.value).map { .exact($0) }
        case "path_prefix": return context.path(entry.value).map { .prefix($0) }
        default: return pattern(entry.value).map { .regex($0) }
        }
    }

    private func pattern(_ node: YAMLNode) -> String? {
        guard let scalar = context.text(node, expecting: "a regular expression such as /rooms/[0-9]+") else {
            return nil
        }
        guard scalar.text.utf8.count <= Self.patternLimit else {
            context.report(
                "the regular expression is \(scalar.text.utf8.count) bytes, limit \(Self.patternLimit)",
                at: scalar.place)
            return nil
        }
        do {
            _ = try Regex(scalar.text)
            return scalar.text
        } catch {
            let reason = scalar.isLiteral ? ": \(error)" : ""
            context.report("\(scalar.shown) is not a regular expression\(reason)", at: scalar.place)
            return nil
        }
    }
}
