/// `admin`.
struct AdminReader {
    let context: ReadingContext

    func read(_ node: YAMLNode, _ references: inout References) -> AdminConfiguration? {
        guard let section = MappingReader(node, context: context, expecting: "a mapping with address and token") else {
            return nil
        }
        let address = section.required("address").flatMap { node in
            let address = AddressText.read(node, role: .listening, context: context)
            if let address { references.addresses.append(.init(value: address, place: node.place)) }
            return address
        }
        let access = UnixSocketAccessReader(context: context).read(section, beside: address)
        let token = section.node("token").flatMap(self.token)
        section.finish()
        return address.map { AdminConfiguration(address: $0, token: token, access: access) }
    }

    /// nil when empty. No message shows it.
    private func token(_ node: YAMLNode) -> String? {
        guard case .scalar = node.kind else {
            context.report("expected text; \"\" for no token", at: node.place)
            return nil
        }
        guard let scalar = context.scalar(node, expecting: "text"), !scalar.text.isEmpty else { return nil }
        guard scalar.text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            context.report(
                "the token may hold visible ASCII characters only, no spaces (RFC 6750 §2.1)", at: node.place)
            return nil
        }
        return scalar.text
    }
}
