/// `balance` of an upstream: a word, or `hash: { on: … }`.
struct BalanceReader {
    let context: ReadingContext

    static let words: [(word: String, balance: UpstreamConfiguration.Balance)] = [
        ("round_robin", .roundRobin), ("least_connections", .leastConnections), ("random_two", .randomTwo),
    ]
    private static let sources = "ip, path, header:NAME, query:NAME or cookie:NAME"

    func read(_ node: YAMLNode) -> UpstreamConfiguration.Balance? {
        if case .mapping = node.kind { return hash(node) }
        guard let word = context.word(node, among: Self.words.map(\.word) + ["hash"]) else { return nil }
        if word == "hash" {
            context.report(
                "hash needs on; write balance: { hash: { on: ip } }, where on is \(Self.sources)",
                at: node.place)
        }
        return Self.words.first { $0.word == word }?.balance
    }

    private func hash(_ node: YAMLNode) -> UpstreamConfiguration.Balance? {
        guard let section = MappingReader(node, .balance, context: context) else { return nil }
        let hash = section.required("hash").flatMap {
            MappingReader($0, .hash, context: context, expecting: "a mapping with on: \(Self.sources)")
        }
        section.finish()
        guard let hash else { return nil }
        let source = hash.required("on").flatMap(self.source)
        hash.finish()
        return source.map { .hash($0) }
    }

    private func source(_ node: YAMLNode) -> UpstreamConfiguration.HashSource? {
        guard let scalar = context.text(node, expecting: Self.sources) else { return nil }
        let parts = scalar.text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let kind = parts.first.map(String.init) ?? ""
        guard parts.count == 2 else {
            switch kind {
            case "ip": return .ip
            case "path": return .path
            default: return refuse(scalar, kind)
            }
        }
        let name = String(parts[1])
        switch kind {
        case "header" where FieldSyntax.isToken(name): return .header(name.lowercased())
        case "query" where !name.isEmpty: return .query(name)
        case "cookie" where FieldSyntax.isToken(name): return .cookie(name)
        default: return refuse(scalar, kind)
        }
    }

    private func refuse(_ scalar: ScalarText, _ kind: String) -> UpstreamConfiguration.HashSource? {
        let known = ["ip", "path", "header", "query", "cookie"]
        let hint = scalar.isLiteral && !known.contains(kind) ? NearMiss.hint(for: kind, among: known) : ""
        context.report("expected \(Self.sources), found \(scalar.shown)\(hint)", at: scalar.place)
        return nil
    }
}

extension UpstreamConfiguration.Balance {
    /// As the file has it.
    var value: ConfigurationValue {
        let source: String
        switch self {
        case .roundRobin, .leastConnections, .randomTwo:
            return .text(BalanceReader.words.first { $0.balance == self }?.word ?? "")
        case .hash(.ip): source = "ip"
        case .hash(.path): source = "path"
        case .hash(.header(let name)): source = "header:\(name)"
        case .hash(.query(let name)): source = "query:\(name)"
        case .hash(.cookie(let name)): source = "cookie:\(name)"
        }
        return .mapping([.init("hash", .mapping([.init("on", .text(source))]))])
    }
}
