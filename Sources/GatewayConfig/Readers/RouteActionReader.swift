/// `redirect` and `respond`.
struct RouteActionReader {
    let context: ReadingContext

    /// A location alone is answered with 302.
    func redirect(_ node: YAMLNode) -> RouteAction? {
        if case .scalar = node.kind { return location(node).map { .redirect(status: 302, location: $0) } }
        let expected = "a location or \(KeySection.redirect.expectedInFull)"
        guard let section = MappingReader(node, .redirect, context: context, expecting: expected) else { return nil }
        let location = section.required("to").flatMap(self.location)
        let status = section.oneNumber("status", expecting: "the status 301, 302, 303, 307 or 308")
        section.finish()
        return location.map { .redirect(status: status ?? 302, location: $0) }
    }

    /// A status alone has no body.
    func respond(_ node: YAMLNode) -> RouteAction? {
        if case .scalar = node.kind { return status(node).map { .respond(FixedResponse(status: $0)) } }
        let expected = "a status or \(KeySection.respond.expected)"
        guard let section = MappingReader(node, .respond, context: context, expecting: expected) else { return nil }
        var response = FixedResponse()
        if let status = section.node("status").flatMap(self.status) { response.status = status }
        if let node = section.node("headers") {
            response.headers = FieldMapReader(context: context, names: .editable).read(node) ?? [:]
        }
        if let entry = section.entry("body"), let body = context.scalar(entry.value, expecting: "text") {
            response.body = body.text
            if !body.text.isEmpty, [204, 205, 304].contains(response.status) {
                context.report(
                    "a response of status \(response.status) can't have a body (RFC 9110 §15); remove body",
                    at: entry.place)
            }
        }
        let type = section.text("content_type", expecting: "a media type such as text/plain")
        if let type {
            response.headers["content-type"] = type.text
        } else if !response.body.isEmpty, response.headers["content-type"] == nil {
            response.headers["content-type"] = FixedResponse.usualContentType
        }
        section.finish()
        return .respond(response)
    }

    private func status(_ node: YAMLNode) -> Int? {
        context.value(node, expecting: "a status from 200 to 599") { text in
            guard text.utf8.count == 3, let status = Int(decimalDigits: text), FixedResponse.statuses.contains(status)
            else {
                return nil
            }
            return status
        }
    }

    private func location(_ node: YAMLNode) -> String? {
        context.value(node, expecting: "a location such as https://example.com/ or /path") { text in
            guard text.hasPrefix("/") || text.contains("://") else { return nil }
            return text.utf8.allSatisfy { 0x21...0x7E ~= $0 } ? text : nil
        }
    }
}
