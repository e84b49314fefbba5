/// The root of the file.
struct ConfigurationReader {
    let context: ReadingContext

    /// What could be read: good only if nothing was reported.
    func read(_ root: YAMLNode) -> GatewayConfiguration? {
        let expected = "a mapping with listeners and routes"
        guard let section = MappingReader(root, .root, context: context, expecting: expected) else { return nil }
        var references = References()

        let listeners = items("listeners", in: section, expecting: "a list of at least one listener", required: true)
            .compactMap { ListenerReader(context: context).read($0, &references) }
        let admin = section.node("admin").flatMap { AdminReader(context: context).read($0, &references) }
        let defaults =
            section.node("defaults").map { RouteSettingsReader(context: context).read(defaults: $0) } ?? RouteSettings()
        let routes = items("routes", in: section, expecting: "a list of at least one route", required: true)
            .compactMap { RouteReader(context: context, defaults: defaults).read($0, &references) }
        let upstreams = items("upstreams", in: section, expecting: "a list of upstreams", required: false)
            .compactMap { UpstreamReader(context: context).read($0, &references) }

        let configuration = GatewayConfiguration(
            listeners: listeners, admin: admin, limits: ProcessSectionReader.limits(section.node("limits"), context),
            routes: routes, upstreams: upstreams, log: ProcessSectionReader.log(section.node("log"), context),
            drain: ProcessSectionReader.drain(section.node("drain"), context))
        section.finish()
        references.check(context)
        return configuration
    }

    private func items(
        _ key: String, in section: MappingReader, expecting: String, required: Bool
    ) -> [YAMLNode] {
        guard let node = required ? section.required(key) : section.node(key) else { return [] }
        guard let items = context.list(node, expecting: expecting) else { return [] }
        if required, items.isEmpty {
            context.report("expected \(expecting), found an empty list", at: node.place)
        }
        return items
    }
}
