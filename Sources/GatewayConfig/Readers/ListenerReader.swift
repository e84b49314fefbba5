/// One of `listeners`.
struct ListenerReader {
    let context: ReadingContext

    func read(_ node: YAMLNode, _ references: inout References) -> ListenerConfiguration? {
        guard let section = MappingReader(node, context: context, expecting: "a mapping with name and address") else {
            return nil
        }
        let name = section.required("name").flatMap(context.name)
        if let name { references.listeners.append(.init(value: name.text, place: name.place)) }
        let addressNode = section.required("address")
        let address = addressNode.flatMap { AddressText.read($0, role: .listening, context: context) }
        if let address, let addressNode {
            references.addresses.append(.init(value: address, place: addressNode.place))
        }
        let access = UnixSocketAccessReader(context: context).read(section, beside: address)
        let tls = section.node("tls").flatMap(self.tls)
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
                "proxy_protocol needs trusted_proxies: list whose headers are believed, such as [10.0.0.0/8]",
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
        guard let section = MappingReader(node, context: context, expecting: "a mapping with max_streams") else {
            return nil
        }
        defer { section.finish() }
        return section.integer("max_streams", in: 1...100_000)
    }

    private func tls(_ node: YAMLNode) -> ListenerTLS? {
        guard let section = MappingReader(node, context: context, expecting: "a mapping with certificates") else {
            return nil
        }
        let expected = "a list of at least one { certificate: FILE, private_key: FILE }"
        let list = section.required("certificates")
        let elements = list.flatMap { context.list($0, expecting: expected) }
        if let list, let elements, elements.isEmpty {
            context.report("expected \(expected), found an empty list", at: list.place)
        }
        let certificates = elements?.compactMap(self.certificate) ?? []
        let version = section.word("minimum_version", TLSVersion.self)
        let clientCA = section.text("client_ca", expecting: "the path of a PEM file")
        if let clientCA { CertificateFileCheck(context: context).checkAuthorities(clientCA) }
        section.finish()
        return ListenerTLS(
            certificates: certificates, minimumVersion: version ?? .v12,
            clientCA: clientCA.map { context.absolutePath($0.text) })
    }

    private func certificate(_ node: YAMLNode) -> CertificateFiles? {
        let expected = "a mapping with certificate and private_key"
        guard let section = MappingReader(node, context: context, expecting: expected) else { return nil }
        let path = "the path of a PEM file"
        let certificate = section.required("certificate").flatMap { context.text($0, expecting: path) }
        let key = section.required("private_key").flatMap { context.text($0, expecting: path) }
        section.finish()
        guard let certificate, let key else { return nil }
        CertificateFileCheck(context: context).checkPair(certificate: certificate, privateKey: key)
        return CertificateFiles(
            certificate: context.absolutePath(certificate.text), privateKey: context.absolutePath(key.text))
    }
}
