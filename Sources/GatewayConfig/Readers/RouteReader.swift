/// One of `routes`.
struct RouteReader {
    let context: ReadingContext
    let defaults: RouteSettings

    /// Keys that say nothing of a route which answers by itself. Those of `defaults` are for the other routes.
    private static let upstreamKeys = KeySection.route.companions.filter { $0.value == "upstream" }.map(\.key)

    func read(_ node: YAMLNode, _ references: inout References) -> RouteConfiguration? {
        let expected = "a mapping with name, match and upstream, redirect, respond or command"
        guard let section = MappingReader(node, .route, context: context, expecting: expected) else { return nil }
        let name = section.required("name").flatMap(context.name)
        if let name { references.routes.append(.init(value: name.text, place: name.place)) }
        let matchNode = section.node("match")
        let match =
            matchNode.map { RouteMatchReader(context: context).read($0, &references) } ?? RouteMatchConfiguration()
        if let match {
            references.matches.append(
                .init(route: name?.text ?? "", match: match, place: matchNode?.place ?? section.place))
        }
        let action = self.action(section, &references)
        switch action {
        case .redirect, .respond, .command:
            for entry in section.given(Self.upstreamKeys) {
                context.report("\(entry.key) has an effect only with upstream; remove it", at: entry.place)
            }
        case .upstream, nil: break
        }
        let rewrite = section.node("rewrite").flatMap(self.rewrite)
        let settings = RouteSettingsReader(context: context).read(section, over: defaults)
        section.finish()
        if case .upstream(let upstream) = action, settings.originPolicy == nil {
            let place = section.node("upstream")?.place ?? section.place
            references.openRoutes.append(.init(value: upstream, place: place))
        }
        guard let name, let match, let action else { return nil }
        return RouteConfiguration(
            name: name.text, match: match, action: action, rewrite: rewrite, origins: settings.originPolicy,
            maxConnections: settings.maxConnections, maxConnectionsPerIP: settings.maxConnectionsPerIP,
            http: settings.http, maxBodySize: settings.maxBodySize, maxRequests: settings.maxRequests,
            queue: settings.queue, session: settings.session, requestHeaders: settings.requestHeaders,
            responseHeaders: settings.responseHeaders, onChange: settings.onChange,
            legacyVersions: settings.legacyVersions)
    }

    private func action(_ section: MappingReader, _ references: inout References) -> RouteAction? {
        let given = section.givenOfChoice()
        guard let entry = given.first else {
            context.report(
                "expected one of upstream, redirect, respond and command, found none of them", at: section.place)
            return nil
        }
        for other in given.dropFirst() {
            context.report("\(entry.key) and \(other.key) exclude each other; remove one of them", at: other.place)
        }
        let reader = RouteActionReader(context: context)
        switch entry.key {
        case "upstream":
            guard let name = context.name(entry.value) else { return nil }
            references.upstreamUses.append(.init(value: name.text, place: name.place))
            return .upstream(name.text)
        case "redirect":
            return reader.redirect(entry.value)
        case "command":
            return CommandReader(context: context).read(entry.value).map(RouteAction.command)
        default:
            return reader.respond(entry.value)
        }
    }

    private func rewrite(_ node: YAMLNode) -> PathRewrite? {
        let expected = "a mapping with one of strip_prefix, replace_prefix and path"
        guard let section = MappingReader(node, .rewrite, context: context, expecting: expected) else { return nil }
        defer { section.finish() }
        let given = section.givenOfChoice()
        guard let entry = given.first else {
            context.report("expected \(expected), found none of them", at: node.place)
            return nil
        }
        for other in given.dropFirst() {
            context.report("\(entry.key) and \(other.key) exclude each other; remove one of them", at: other.place)
        }
        switch entry.key {
        case "strip_prefix":
            return context.path(entry.value).map(PathRewrite.stripPrefix)
        case "path":
            return context.serverPath(entry.value).map(PathRewrite.path)
        default:
            guard let parts = MappingReader(entry.value, .replacePrefix, context: context) else { return nil }
            let from = parts.required("from").flatMap(context.path)
            let to = parts.required("to").flatMap(context.serverPath)
            parts.finish()
            guard let from, let to else { return nil }
            return .replacePrefix(from: from, to: to)
        }
    }
}
