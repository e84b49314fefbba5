/// The text of a YAML value, environment variables put in.
struct ScalarText {
    var text: String
    var place: Place
    /// For messages: as written in the file, so that what came from the environment is never printed.
    var shown: String
    /// Whether nothing came from the environment, so that parts of it may be shown.
    var isLiteral: Bool
}

extension ReadingContext {
    /// Reports and returns nil unless `node` is text; `expecting` reads like "a duration such as 10s".
    func scalar(_ node: YAMLNode, expecting: String) -> ScalarText? {
        guard case .scalar(let written) = node.kind else {
            report("expected \(expecting), found \(node.found)", at: node.place)
            return nil
        }
        do {
            let text = try EnvironmentReference.expand(written, environment: environment)
            return ScalarText(text: text, place: node.place, shown: quoted(written), isLiteral: text == written)
        } catch {
            report(error.message, at: node.place)
            return nil
        }
    }

    /// A scalar that `parse` understands.
    ///
    /// - Parameter nearest: what the author probably means, to be proposed when nothing in it came from the environment.
    func value<Value>(
        _ node: YAMLNode, expecting: String, parse: (String) -> Value?, nearest: (String) -> String? = { _ in nil }
    ) -> Value? {
        guard let scalar = scalar(node, expecting: expecting) else { return nil }
        guard let value = parse(scalar.text) else {
            report("expected \(expecting), found \(scalar.shown)\(proposal(scalar, nearest))", at: scalar.place)
            return nil
        }
        return value
    }

    /// `; did you mean "x"?`, or nothing.
    func proposal(_ scalar: ScalarText, _ nearest: (String) -> String?) -> String {
        guard scalar.isLiteral, let meant = nearest(scalar.text), meant != scalar.text else { return "" }
        return "; did you mean \(quoted(meant))?"
    }

    /// Text that is not empty and holds no control characters.
    func text(_ node: YAMLNode, expecting: String) -> ScalarText? {
        guard let scalar = scalar(node, expecting: expecting) else { return nil }
        guard !scalar.text.isEmpty else {
            report("expected \(expecting), found nothing", at: scalar.place)
            return nil
        }
        guard !scalar.text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            report("expected \(expecting), found control characters in \(scalar.shown)", at: scalar.place)
            return nil
        }
        return scalar
    }

    func list(_ node: YAMLNode, expecting: String) -> [YAMLNode]? {
        guard case .sequence(let elements) = node.kind else {
            report("expected \(expecting), found \(node.found)", at: node.place)
            return nil
        }
        return elements
    }
}
