extension KeySection {
    /// The whole file.
    public static let root = KeySection(
        "", "The configuration file.",
        keys: [
            KeyDescription(
                "listeners", .list(of: .mapping(.listener), .atLeastOne), .required,
                "The addresses on which the gateway accepts clients; see [listeners](#listeners)."),
            KeyDescription(
                "admin", .mapping(.admin), .text("no endpoint"),
                "The endpoint for statistics, metrics, health and commands; see [admin](#admin)."),
            KeyDescription("limits", .mapping(.limits), "Limits of the whole process; see [limits](#limits)."),
            KeyDescription(
                "defaults", .mapping(.defaults),
                "Settings of every route, each of which a route can override; see [defaults](#defaults)."),
            KeyDescription(
                "routes", .list(of: .mapping(.route), .atLeastOne), .required,
                "Which requests the gateway takes, and where they go; see [routes](#routes)."),
            KeyDescription(
                "upstreams", .list(of: .mapping(.upstream)), .emptyList,
                "The groups of servers that routes lead to; see [upstreams](#upstreams)."),
            KeyDescription("log", .mapping(.log), "What the gateway logs, and how; see [log](#log)."),
            KeyDescription(
                "drain", .mapping(.drain), "How a drain ends the open connections; see [drain](#drain)."),
            .notSupportedYet("shared", "Counters that several instances share."),
        ])
}
