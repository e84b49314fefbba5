/// One of `listeners`.
struct ListenerReader {
    let context: ReadingContext

    func read(_ node: YAMLNode, _ references: inout References) -> ListenerConfiguration? {
        guard let section = MappingReader(node, .listener, context: context) else { return nil }
        let name = section.required("name").flatMap(context.name)
        if let name { references.listeners.append(.init(value: name.text, place: name.place)) }
        let addressNode = section.required("address")
        let address = addressNode.flatMap { AddressText.read($0, role: .listening, context: context) }
        if let address, let addressNode {
            references.addresses.append(.init(value: address, place: addressNode.place))
        }
        let access = UnixSocketAccessReader(context: context).read(section, beside: address)
        let tls = section.node("tls").flatMap(ListenerTLSReader(context: context).read)
        let protocols = section.node("protocols").flatMap(self.protocols)
        let overHTTP2 = section.flag("websocket_over_http2")
        let maxStreams = section.node("h2").flatMap(self.maxStreams)
        let proxyProtocol = section.flag("proxy_protocol")
        let proxies = section.list("trusted_proxies", expecting: "a list of address blocks such as [10.0.0.0/8]")?
            .compactMap { context.value($0, expecting: "an address block such as 10.0.0.0/8", parse: IPPrefix.init) }
        if proxyProtocol == true, section.node("trusted_proxies") == nil || proxies?.isEmpty == true,
            let entry = section.entry("proxy_protocol")
        {
            context.report(
                "proxy_protocol needs trusted_proxies; list the proxies that send the header, such as [10.0.0.0/8]",
                at: entry.place)
        }
        let via = section.onOff("via")
        let underscores = section.word("underscores", Underscores.self)
        let encodedSlashes = section.word("encoded_slashes", EncodedSlashes.self)
        section.finish()
        guard let name, let address else { return nil }
        return ListenerConfiguration(
            name: name.text, address: address, tls: tls, protocols: protocols ?? [.http2, .http1],
            websocketOverHTTP2: overHTTP2 ?? true, maxStreams: maxStreams ?? 1000,
            proxyProtocol: proxyProtocol ?? false,
            trustedProxies: proxies ?? [], via: via ?? true, underscores: underscores ?? .drop,
            encodedSlashes: encodedSlashes ?? .pass, access: access
        )
    }

    private func protocols(_ node: YAMLNode) -> [ApplicationProtocol]? {
        guard let elements = context.list(node, expecting: "a list of protocols such as [h2, http/1.1]") else {
            return nil
        }
        if elements.isEmpty {
            context.report("expected a list of protocols such as [h2, http/1.1], found an empty list", at: node.place)
        }
        var protocols: [ApplicationProtocol] = []
        for element in elements {
            let word = context.word(element, among: ApplicationProtocol.allCases.map(\.rawValue))
            switch word.flatMap(ApplicationProtocol.init(rawValue:)) {
            case nil: continue
            case let known? where protocols.contains(known):
                context.report("\(known.rawValue) is listed twice", at: element.place)
            case let known?: protocols.append(known)
            }
        }
        return protocols
    }

    private func maxStreams(_ node: YAMLNode) -> Int? {
        guard let section = MappingReader(node, .listenerHTTP2, context: context) else { return nil }
        defer { section.finish() }
        return section.integer("max_streams")
    }
}
