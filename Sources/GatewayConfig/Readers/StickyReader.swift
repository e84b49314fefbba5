/// `sticky` of an upstream.
struct StickyReader {
    let context: ReadingContext

    func read(_ node: YAMLNode) -> StickyConfiguration? {
        guard let section = MappingReader(node, .sticky, context: context) else { return nil }
        let name = section.required("cookie").flatMap { node in
            context.value(node, expecting: "the name of a cookie such as sluice_server") {
                FieldSyntax.isToken($0) ? $0 : nil
            }
        }
        var sticky = StickyConfiguration(cookie: name ?? "")
        if let node = section.node("secret") {
            let secret = context.scalar(node, expecting: "text, or \"\" for no secret")
            if let secret, !secret.text.isEmpty {
                sticky.secret = secret.text
                SecretFileCheck(context: context).checkOwnFile(secret)
            }
        }
        if let node = section.node("path") {
            let path = context.value(node, expecting: "a path that starts with /") {
                $0.hasPrefix("/") && isAttribute($0) ? $0 : nil
            }
            if let path { sticky.path = path }
        }
        if let domain = section.text("domain", expecting: "a host name such as example.com") {
            if HostName.isValid(domain.text) {
                sticky.domain = domain.text.lowercased()
            } else {
                context.report("expected a host name such as example.com, found \(domain.shown)", at: domain.place)
            }
        }
        sticky.secure = section.flag("secure")
        if let value = section.flag("http_only") { sticky.httpOnly = value }
        sticky.sameSite = section.word("same_site", StickyConfiguration.SameSite.self)
        sticky.maxAge = section.duration("max_age")
        section.finish()
        if sticky.sameSite == .anySite, sticky.secure == false {
            context.report(
                "browsers reject a cookie with same_site: none that is not secure; add secure: true", at: section.place)
        }
        return name == nil ? nil : sticky
    }

    /// RFC 6265 §4.1.1.
    private func isAttribute(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ";") }
    }
}
