extension ReadingContext {
    /// The path of a condition or a prefix to take off (RFC 3986 §3.3), without query, as requests' paths are compared:
    /// see `NormalizedPath.comparable`.
    func path(_ node: YAMLNode) -> String? { normalizedPath(node)?.comparable }

    /// A path that is put into requests for the server, in normal form.
    func serverPath(_ node: YAMLNode) -> String? { normalizedPath(node)?.text }

    /// Dot segments and double slashes are refused: who wrote them meant something that the gateway does not do.
    private func normalizedPath(_ node: YAMLNode) -> NormalizedPath? {
        let expected = "a path that starts with /"
        guard let scalar = scalar(node, expecting: expected) else { return nil }
        do throws(PathFault) {
            let path = try NormalizedPath(scalar.text)
            guard path.isShortened else { return path }
            let remedy = scalar.isLiteral ? "; write \(quoted(path.text))" : ""
            report("expected a path without dot segments and //, found \(scalar.shown)\(remedy)", at: scalar.place)
        } catch {
            let reason = error == .notAbsolute || error == .character ? "" : ": \(error)"
            report("expected \(expected), found \(scalar.shown)\(reason)", at: scalar.place)
        }
        return nil
    }
}
