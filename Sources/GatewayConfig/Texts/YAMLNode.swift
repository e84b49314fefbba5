/// A position in the file; both count from 1, columns in Unicode scalars.
struct Place: Hashable, Comparable {
    var line: Int
    var column: Int

    static let start = Place(line: 1, column: 1)

    static func < (left: Place, right: Place) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// A YAML value with its place; aliases and merge keys are resolved, keys are unique text.
struct YAMLNode {
    enum Kind {
        /// Left empty, `~` or `null`.
        case nothing
        case scalar(String)
        case sequence([YAMLNode])
        case mapping([Entry])
    }

    struct Entry {
        var key: String
        var place: Place
        var value: YAMLNode
    }

    var place: Place
    var kind: Kind

    /// For "expected …, found …".
    var found: String {
        switch kind {
        case .nothing: "nothing"
        case .scalar(let text): quoted(text)
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// `text` in quotes for a message: on one line, without hidden characters, cut after 60 characters.
func quoted(_ text: some StringProtocol) -> String {
    let shown = VisibleText.escaped(String(String.UnicodeScalarView(text.unicodeScalars.prefix(60))))
    return "\"\(shown)\(text.unicodeScalars.count > 60 ? "…" : "")\""
}
