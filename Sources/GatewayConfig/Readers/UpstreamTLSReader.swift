/// `tls` of an upstream.
struct UpstreamTLSReader {
    let context: ReadingContext

    func read(_ node: YAMLNode) -> UpstreamTLS? {
        let expected = "\(KeySection.upstreamTLS.expected); {} for the defaults"
        guard let section = MappingReader(node, .upstreamTLS, context: context, expecting: expected) else { return nil }
        var tls = UpstreamTLS()
        tls.serverName = section.text("server_name", expecting: Self.expectedName).flatMap(self.serverName)
        if let ca = section.text("ca", expecting: "the path of a PEM file") {
            TLSFileCheck(context: context).check(authorities: ca)
            tls.ca = context.absolutePath(ca.text)
        }
        if let verify = section.flag("verify") { tls.verify = verify }
        tls.identity = identity(section)
        section.finish()
        return tls
    }

    private static let expectedName = "a host name such as backend.internal, or an IP address"

    /// A name in lower case and without the dot at its end, which is no part of it (RFC 6066 §3); an address as text,
    /// IPv6 in brackets.
    private func serverName(_ scalar: ScalarText) -> String? {
        let text = scalar.text.lowercased()
        if !text.contains("/"), let address = IPPrefix(text) {
            return address.bytes.count == 16 ? "[\(text)]" : text
        }
        if HostName.isBracketedV6(text) { return text }
        guard HostName.isValid(text) else {
            let remedy = HostName.remedy(for: text)
            context.report("expected \(Self.expectedName), found \(scalar.shown)\(remedy)", at: scalar.place)
            return nil
        }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// What is shown to servers that ask for a certificate.
    private func identity(_ section: MappingReader) -> CertificateFiles? {
        let path = "the path of a PEM file"
        let certificate = section.text("certificate", expecting: path)
        let key = section.text("private_key", expecting: path)
        switch (section.entry("certificate"), section.entry("private_key")) {
        case (let entry?, nil):
            context.report("certificate needs private_key; add the path of its key", at: entry.place)
        case (nil, let entry?):
            context.report(
                "private_key needs certificate; add the path of the key's certificate", at: entry.place)
        default: break
        }
        guard let certificate, let key else { return nil }
        TLSFileCheck(context: context).check(certificate: certificate, privateKey: key)
        return CertificateFiles(
            certificate: context.absolutePath(certificate.text), privateKey: context.absolutePath(key.text))
    }
}
