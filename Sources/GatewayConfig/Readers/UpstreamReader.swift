/// One of `upstreams`.
struct UpstreamReader {
    let context: ReadingContext

    func read(_ node: YAMLNode, _ references: inout References) -> UpstreamConfiguration? {
        guard let section = MappingReader(node, context: context, expecting: "a mapping with name and servers") else {
            return nil
        }
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
        upstream.tls = section.node("tls").flatMap(self.tls)
        if let value = section.duration("connect_timeout", positive: true) { upstream.connectTimeout = value }
        if let value = section.duration("response_timeout", positive: true) { upstream.responseTimeout = value }
        if let value = section.integer("retries", in: 0...10) { upstream.retries = value }
        if let value = section.duration("dns_refresh", positive: true) { upstream.dnsRefresh = value }
        if let node = section.node("h2") { upstream.http2 = http2(node) }
        section.refuse("health_check")
        section.finish()
        if let servers, !servers.isEmpty, servers.allSatisfy({ $0.state != .active }) {
            context.warn(
                "no server of this upstream takes new WebSockets: all are draining or down; give one state: active",
                at: section.place)
        }
        return name != nil && servers != nil ? upstream : nil
    }

    private func http2(_ node: YAMLNode) -> UpstreamHTTP2 {
        var settings = UpstreamHTTP2()
        let expected = "a mapping with max_connections, max_streams, ping_interval, ping_timeout and idle_timeout"
        guard let section = MappingReader(node, context: context, expecting: expected) else { return settings }
        if let value = section.integer("max_connections", in: 1...100) { settings.maxConnections = value }
        if let value = section.integer("max_streams", in: 1...100_000) { settings.maxStreams = value }
        if let value = section.duration("ping_interval") { settings.pingInterval = value }
        if let value = section.duration("ping_timeout", positive: true) { settings.pingTimeout = value }
        if let value = section.duration("idle_timeout", positive: true) { settings.idleTimeout = value }
        section.finish()
        return settings
    }

    private func servers(_ node: YAMLNode) -> [ServerConfiguration]? {
        let expected = "a list of at least one { address: HOST:PORT }"
        guard let elements = context.list(node, expecting: expected) else { return nil }
        if elements.isEmpty { context.report("expected \(expected), found an empty list", at: node.place) }
        var seen: Set<Address> = []
        return elements.compactMap { element in
            guard let section = MappingReader(element, context: context, expecting: "a mapping with address") else {
                return nil
            }
            let addressNode = section.required("address")
            let address = addressNode.flatMap { AddressText.read($0, role: .server, context: context) }
            let weight = section.integer("weight", in: 1...1000)
            let cap = section.integer("max_connections", in: 0...10_000_000)
            let priority = section.integer("priority", in: 0...100)
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

    private func tls(_ node: YAMLNode) -> UpstreamTLS? {
        let expected = "a mapping with server_name, ca and verify; {} for the defaults"
        guard let section = MappingReader(node, context: context, expecting: expected) else { return nil }
        var tls = UpstreamTLS()
        if let name = section.text("server_name", expecting: "a host name such as backend.internal") {
            if HostName.isValid(name.text) {
                tls.serverName = name.text.lowercased()
            } else {
                let remedy = HostName.remedy(for: name.text)
                context.report(
                    "expected a host name such as backend.internal, found \(name.shown)\(remedy)", at: name.place)
            }
        }
        if let ca = section.text("ca", expecting: "the path of a PEM file") {
            CertificateFileCheck(context: context).checkAuthorities(ca)
            tls.ca = context.absolutePath(ca.text)
        }
        if let verify = section.flag("verify") { tls.verify = verify }
        section.finish()
        return tls
    }
}
