/// What one configuration changes in another, by name: what a reload answers, and what is shown of it.
///
/// A listener, route or upstream is found again by its name, a server by its address; it is changed when any of its values
/// differs. What `defaults` changes shows in the routes. As JSON it has a key for each property.
public struct ConfigurationChanges: Equatable, Sendable, Codable {
    /// Each list is sorted.
    public struct Names: Equatable, Sendable, Codable {
        public var added: [String]
        public var changed: [String]
        public var removed: [String]
        public var unchanged: [String]

        public init(
            added: [String] = [], changed: [String] = [], removed: [String] = [], unchanged: [String] = []
        ) {
            self.added = added
            self.changed = changed
            self.removed = removed
            self.unchanged = unchanged
        }

        /// Whether all are unchanged.
        public var isEmpty: Bool { added.isEmpty && changed.isEmpty && removed.isEmpty }
    }

    public var listeners = Names()
    /// A route that stands in another place among those that both have is changed as well: the order decides between
    /// routes that match alike.
    public var routes = Names()
    public var upstreams = Names()
    /// The addresses of each upstream that both have and whose list of servers differs.
    public var servers: [String: Names] = [:]
    /// Those of `admin`, `drain`, `limits` and `log` that differ; sorted.
    public var sections: [String] = []
    /// Keys whose change takes effect with the next start: `limits.event_loops` alone. Every other key applies at once.
    public var restart: [String] = []

    public init() {}

    /// Whether nothing changes.
    public var isEmpty: Bool {
        listeners.isEmpty && routes.isEmpty && upstreams.isEmpty && servers.isEmpty && sections.isEmpty
            && restart.isEmpty
    }
}

extension ConfigurationChanges {
    /// Names that a line shows of each list.
    private static let shown = 10

    /// For people: a line for each kind that something changes in, such as
    /// `routes: 1 changed (chat), 1 removed (old), 12 unchanged`; `nothing changes` when nothing does.
    public var text: String {
        guard !isEmpty else { return "nothing changes" }
        let kinds =
            [("listeners", listeners), ("routes", routes), ("upstreams", upstreams)]
            + servers.sorted { $0.key < $1.key }.map { ("servers of \($0.key)", $0.value) }
        var lines = kinds.filter { !$0.1.isEmpty }.map { "\($0.0): \(Self.text(of: $0.1))" }
        if !sections.isEmpty { lines.append("sections: \(Self.part("changed", sections))") }
        if !restart.isEmpty { lines.append("after a restart: \(Self.part("changed", restart))") }
        return VisibleText.escaped(lines.joined(separator: "\n"), keepsLines: true)
    }

    private static func text(of names: Names) -> String {
        var parts = [("added", names.added), ("changed", names.changed), ("removed", names.removed)]
            .filter { !$0.1.isEmpty }.map { part($0.0, $0.1) }
        if !names.unchanged.isEmpty { parts.append("\(names.unchanged.count) unchanged") }
        return parts.joined(separator: ", ")
    }

    private static func part(_ what: String, _ names: [String]) -> String {
        let rest = names.count > shown ? " and \(names.count - shown) more" : ""
        return "\(names.count) \(what) (\(names.prefix(shown).joined(separator: ", "))\(rest))"
    }
}
