/// `tls` of a listener.
struct ListenerTLSReader {
    let context: ReadingContext

    func read(_ node: YAMLNode) -> ListenerTLS? {
        guard let section = MappingReader(node, .listenerTLS, context: context) else { return nil }
        let expected = "a list of at least one { certificate: FILE, private_key: FILE }"
        let list = section.required("certificates")
        let elements = list.flatMap { context.list($0, expecting: expected) }
        if let list, let elements, elements.isEmpty {
            context.report("expected \(expected), found an empty list", at: list.place)
        }
        var tls = ListenerTLS(certificates: [])
        if let version = section.word("minimum_version", TLSVersion.self) { tls.minimumVersion = version }
        tls.ciphers = ciphers(section)
        let usedCiphers = tls.minimumVersion == .v13 ? [] : tls.ciphers
        tls.certificates = elements?.compactMap { certificate($0, for: usedCiphers) } ?? []
        tls.groups = groups(section)
        let check = TLSFileCheck(context: context)
        if let keys = section.text("ticket_keys", expecting: "the path of a file of ticket keys") {
            check.check(ticketKeys: keys)
            tls.ticketKeys = context.absolutePath(keys.text)
        }
        if let authorities = section.text("client_ca", expecting: "the path of a PEM file") {
            check.check(authorities: authorities)
            tls.clientCA = context.absolutePath(authorities.text)
        }
        section.finish()
        if tls.minimumVersion == .v13, !tls.ciphers.isEmpty, let entry = section.entry("ciphers") {
            context.warn(
                "ciphers applies only to TLS 1.2, and minimum_version excludes TLS 1.2; remove ciphers", at: entry.place
            )
        }
        return tls
    }

    private func certificate(_ node: YAMLNode, for ciphers: [CipherSuite]) -> CertificateFiles? {
        guard let section = MappingReader(node, .listenerCertificate, context: context) else { return nil }
        let path = "the path of a PEM file"
        let certificate = section.required("certificate").flatMap { context.text($0, expecting: path) }
        let key = section.required("private_key").flatMap { context.text($0, expecting: path) }
        let ocsp = section.text("ocsp", expecting: "the path of a file with an OCSP response (DER)")
        section.finish()
        guard let certificate, let key else { return nil }
        TLSFileCheck(context: context).check(
            certificate: certificate, privateKey: key, ocsp: ocsp, ciphers: ciphers)
        return CertificateFiles(
            certificate: context.absolutePath(certificate.text), privateKey: context.absolutePath(key.text),
            ocsp: ocsp.map { context.absolutePath($0.text) })
    }

    private func ciphers(_ section: MappingReader) -> [CipherSuite] {
        let list = section.list(
            "ciphers", expecting: "a list of cipher suites of TLS 1.2 such as [ECDHE-RSA-AES128-GCM-SHA256]")
        return distinct(list ?? [], read: self.cipher)
    }

    private func cipher(_ node: YAMLNode) -> CipherSuite? {
        let expected = "a cipher suite of TLS 1.2 such as ECDHE-RSA-AES128-GCM-SHA256"
        guard let scalar = context.text(node, expecting: expected) else { return nil }
        if let suite = CipherSuite(name: scalar.text) { return suite }
        if CipherSuite.alwaysOffered.contains(scalar.text) {
            context.report(
                "\(scalar.shown) is a cipher suite of TLS 1.3, and the gateway always offers those; remove it",
                at: scalar.place)
            return nil
        }
        let names = CipherSuite.allCases.flatMap { [$0.rawValue, $0.registeredName] }
        // Not a word of OpenSSL's lists, such as HIGH or !MD5, either: what it stands for changes with the library.
        context.report(
            "expected \(expected), found \(scalar.shown)\(NearMiss.hint(for: scalar.text, among: names))",
            at: scalar.place)
        return nil
    }

    private func groups(_ section: MappingReader) -> [KeyExchangeGroup] {
        let list = section.list("groups", expecting: "a list of groups such as [X25519, P-256]")
        return distinct(list ?? []) { section.word($0, KeyExchangeGroup.self) }
    }

    private func distinct<Value: Equatable & RawRepresentable<String>>(
        _ nodes: [YAMLNode], read: (YAMLNode) -> Value?
    ) -> [Value] {
        var values: [Value] = []
        for node in nodes {
            guard let value = read(node) else { continue }
            if values.contains(value) {
                context.report("\(value.rawValue) is listed twice", at: node.place)
            } else {
                values.append(value)
            }
        }
        return values
    }
}
