/// `admin`.
struct AdminReader {
    let context: ReadingContext

    func read(_ node: YAMLNode, _ references: inout References) -> AdminConfiguration? {
        guard let section = MappingReader(node, .admin, context: context) else { return nil }
        let address = section.required("address").flatMap { node in
            let address = AddressText.read(node, role: .listening, context: context)
            if let address { references.addresses.append(.init(value: address, place: node.place)) }
            return address
        }
        let access = UnixSocketAccessReader(context: context).read(section, beside: address)
        let token = section.node("token").flatMap(self.token)
        let hosts = section.list("hosts", expecting: "a list of host names such as [metrics.internal]")?
            .compactMap(self.host)
        let takeover = section.node("takeover_socket").flatMap(self.takeoverSocket)
        if let takeover {
            references.addresses.append(.init(value: .unix(path: takeover.text), place: takeover.place))
        }
        section.finish()
        guard let address else { return nil }
        if token == nil, !Self.isLocal(address) {
            context.warn(
                "anyone who can reach \(address) can read the statistics, close connections and drain the gateway; set "
                    + "admin.token, or listen on 127.0.0.1, [::1] or a unix socket",
                at: section.node("address")?.place ?? node.place)
        }
        return AdminConfiguration(
            address: address, token: token, hosts: hosts ?? [], access: access, takeoverSocket: takeover?.text)
    }

    /// Made absolute.
    private func takeoverSocket(_ node: YAMLNode) -> ScalarText? {
        let expected = "the path of a unix socket such as /run/sluice/takeover.sock"
        guard var scalar = context.text(node, expecting: expected) else { return nil }
        guard !scalar.text.hasPrefix("unix:") else {
            context.report("expected \(expected), found \(scalar.shown); leave out unix:", at: scalar.place)
            return nil
        }
        guard let path = AddressText.unixPath(scalar.text, at: scalar.place, context: context) else { return nil }
        scalar.text = path
        return scalar
    }

    private func host(_ node: YAMLNode) -> String? {
        let expected = "a host name such as metrics.internal, without scheme and port"
        guard let scalar = context.text(node, expecting: expected) else { return nil }
        guard HostName.isValid(scalar.text) else {
            context.report(
                "expected \(expected), found \(scalar.shown)\(HostName.remedy(for: scalar.text))", at: scalar.place)
            return nil
        }
        return scalar.text.lowercased()
    }

    /// Whether only this machine reaches `address`.
    private static func isLocal(_ address: Address) -> Bool {
        guard case .tcp(let host, _) = address else { return true }
        guard let bytes = IPPrefix(host)?.bytes else { return host == "localhost" || host == "localhost." }
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        if bytes.count == 16, bytes.starts(with: mapped) { return bytes[12] == 127 }
        return bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// nil when empty. No message shows it.
    private func token(_ node: YAMLNode) -> String? {
        guard case .scalar = node.kind else {
            context.report("expected text as the token, found \(node.found); write \"\" for no token", at: node.place)
            return nil
        }
        guard let scalar = context.scalar(node, expecting: "text"), !scalar.text.isEmpty else { return nil }
        guard scalar.text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            context.report(
                "expected a token of visible ASCII characters without spaces (RFC 6750 §2.1), found another character",
                at: node.place)
            return nil
        }
        SecretFileCheck(context: context).checkOwnFile(scalar)
        return scalar.text
    }
}
