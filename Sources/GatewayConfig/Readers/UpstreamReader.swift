/// One of `upstreams`.
struct UpstreamReader {
    let context: ReadingContext

    func read(_ node: YAMLNode, _ references: inout References) -> UpstreamConfiguration? {
        guard let section = MappingReader(node, .upstream, context: context) else { return nil }
        let name = section.required("name").flatMap(context.name)
        if let name { references.upstreams.append(.init(value: name.text, place: name.place)) }
        let serverProtocol = section.word("protocol", UpstreamConfiguration.ServerProtocol.self)
        let balance = section.node("balance").flatMap(BalanceReader(context: context).read)
        let servers = section.required("servers").flatMap(self.servers)
        var upstream = UpstreamConfiguration(name: name?.text ?? "", servers: servers ?? [])
        if let serverProtocol { upstream.protocol = serverProtocol }
        if let balance { upstream.balance = balance }
        if let value = section.duration("slow_start") { upstream.slowStart = value }
        upstream.sticky = section.node("sticky").flatMap(StickyReader(context: context).read)
        if upstream.sticky != nil, let name { references.stickyUpstreams.insert(name.text) }
        upstream.tls = section.node("tls").flatMap(UpstreamTLSReader(context: context).read)
        if let value = section.duration("connect_timeout") { upstream.connectTimeout = value }
        if let value = section.duration("response_timeout") {
            upstream.responseTimeout = value
            upstream.plainResponseTimeout = value
        }
        if let value = section.integer("retries") { upstream.retries = value }
        if let value = section.duration("dns_refresh") { upstream.dnsRefresh = value }
        if let node = section.node("http1") { upstream.http1 = http1(node) }
        if let node = section.node("h2") { upstream.http2 = http2(node) }
        if let value = section.node("host").flatMap(self.host) { upstream.host = value }
        if let value = section.word("proxy_protocol", SentProxyProtocol.self) { upstream.proxyProtocol = value }
        upstream.source = source(section)
        upstream.healthCheck = section.node("health_check").flatMap(HealthCheckReader(context: context).read)
        section.finish()
        if let servers, !servers.isEmpty, servers.allSatisfy({ $0.state != .active }) {
            context.warn(
                "no server of this upstream accepts new WebSockets, because all are draining or down; set state: active for one",
                at: section.place)
        }
        return name != nil && servers != nil ? upstream : nil
    }

    private func host(_ node: YAMLNode) -> SentHost? {
        let expected = "client, upstream or a host such as chat.example.com"
        guard let scalar = context.text(node, expecting: expected) else { return nil }
        switch scalar.text {
        case "client": return .client
        case "upstream": return .upstream
        default: break
        }
        guard let authority = AddressText.authority(scalar.text) else {
            let remedy = HostName.remedy(for: scalar.text)
            context.report("expected \(expected), found \(scalar.shown)\(remedy)", at: scalar.place)
            return nil
        }
        if let word = NearMiss.nearest(to: scalar.text, among: ["client", "upstream"]) {
            context.warn(
                "the gateway sends the servers the host \(scalar.shown); did you mean \(quoted(word))?",
                at: scalar.place)
        }
        return .name(authority)
    }

    private func source(_ section: MappingReader) -> [String] {
        let addresses =
            section.list("source", expecting: "a list of this machine's addresses such as [10.0.0.7, 10.0.0.8]") ?? []
        var seen: Set<IPPrefix> = []
        return addresses.compactMap { node in
            guard
                let (text, bytes) = context.value(
                    node, expecting: "an IP address such as 10.0.0.7",
                    parse: { text in text.contains("/") ? nil : IPPrefix(text).map { (text.lowercased(), $0) } })
            else { return nil }
            if !seen.insert(bytes).inserted { context.report("\(text) is listed twice", at: node.place) }
            return text
        }
    }

    private func http1(_ node: YAMLNode) -> UpstreamHTTP1 {
        var settings = UpstreamHTTP1()
        guard let section = MappingReader(node, .upstreamHTTP1, context: context) else { return settings }
        if let value = section.integer("max_idle") { settings.maxIdle = value }
        if let value = section.duration("idle_timeout") { settings.idleTimeout = value }
        section.finish()
        return settings
    }

    private func http2(_ node: YAMLNode) -> UpstreamHTTP2 {
        var settings = UpstreamHTTP2()
        guard let section = MappingReader(node, .upstreamHTTP2, context: context) else { return settings }
        if let value = section.integer("max_connections") { settings.maxConnections = value }
        if let value = section.integer("max_streams") { settings.maxStreams = value }
        if let value = section.duration("ping_interval") { settings.pingInterval = value }
        if let value = section.duration("ping_timeout") { settings.pingTimeout = value }
        if let value = section.duration("idle_timeout") { settings.idleTimeout = value }
        section.finish()
        return settings
    }

    private func servers(_ node: YAMLNode) -> [ServerConfiguration]? {
        let expected = "a list of at least one { address: HOST:PORT }"
        guard let elements = context.list(node, expecting: expected) else { return nil }
        if elements.isEmpty { context.report("expected \(expected), found an empty list", at: node.place) }
        var seen: Set<Address> = []
        return elements.compactMap { element in
            guard let section = MappingReader(element, .server, context: context) else { return nil }
            let addressNode = section.required("address")
            let address = addressNode.flatMap { AddressText.read($0, role: .server, context: context) }
            let weight = section.integer("weight")
            let cap = section.integer("max_connections")
            let priority = section.integer("priority")
            let state = section.word("state", ServerConfiguration.State.self)
            section.finish()
            guard let address, let addressNode else { return nil }
            if !seen.insert(address).inserted {
                context.report("the server \(address) is listed twice; give it a weight instead", at: addressNode.place)
            }
            return ServerConfiguration(
                address: address, weight: weight ?? 1, maxConnections: cap ?? 0, priority: priority ?? 0,
                state: state ?? .active)
        }
    }
}
