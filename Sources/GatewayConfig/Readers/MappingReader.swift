/// Takes the keys of one mapping, as their descriptions say, and reports those that its section does not have.
///
/// A getter returns nil when the key is not given, and also, having reported it, when its value is wrong.
final class MappingReader {
    let context: ReadingContext
    let place: Place
    /// The keys that it may have.
    let keys: KeySection
    private let entries: [String: YAMLNode.Entry]
    private let order: [String]

    /// Reports and fails unless `node` is a mapping; `expecting` reads like "a mapping with address and tls", and is by
    /// default what the section says.
    init?(_ node: YAMLNode, _ keys: KeySection, context: ReadingContext, expecting: String? = nil) {
        guard case .mapping(let entries) = node.kind else {
            context.report("expected \(expecting ?? keys.expected), found \(node.found)", at: node.place)
            return nil
        }
        self.context = context
        self.keys = keys
        place = node.place
        self.entries = Dictionary(entries.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        order = entries.map(\.key)
    }

    func entry(_ key: String) -> YAMLNode.Entry? {
        context.note(key, of: keys)
        return entries[key]
    }

    func node(_ key: String) -> YAMLNode? {
        entry(key)?.value
    }

    /// As `node`, reporting that the key is missing.
    func required(_ key: String) -> YAMLNode? {
        guard let node = node(key) else {
            context.report("missing key \(quoted(key))", at: place)
            return nil
        }
        return node
    }

    /// Those of `keys` that are given, in the order of the file.
    func given(_ keys: [String]) -> [YAMLNode.Entry] {
        for key in keys { context.note(key, of: self.keys) }
        return order.filter(keys.contains).compactMap { entries[$0] }
    }

    /// Those of the section's choice that are given, in the order of the file.
    func givenOfChoice() -> [YAMLNode.Entry] { given(keys.choice?.names ?? []) }

    /// Keys that begin with `x-` are a place for anchors, as in other tools; their values are not looked at.
    private static func isForAnchors(_ key: String) -> Bool { key.hasPrefix("x-") }

    /// Reports the keys that the section does not have, and those that this version does not implement.
    func finish() {
        for key in order where !Self.isForAnchors(key) {
            let description = keys[key]
            guard description?.isSupported != true, let entry = entries[key] else { continue }
            guard description == nil else {
                context.report("\(key) is not supported yet", at: entry.place)
                continue
            }
            let names = keys.supportedNames
            var remedy = NearMiss.hint(for: key, among: names)
            if remedy.isEmpty, names.count <= 12 {
                remedy = "; expected \(names.sorted().joined(separator: ", "))"
            }
            context.report("unknown key \(quoted(key))\(remedy)", at: entry.place)
        }
    }
}

extension MappingReader {
    func list(_ key: String, expecting: String) -> [YAMLNode]? {
        node(key).flatMap { context.list($0, expecting: expecting) }
    }

    func text(_ key: String, expecting: String) -> ScalarText? {
        node(key).flatMap { context.text($0, expecting: expecting) }
    }

    /// Within the range of its description.
    func integer(_ key: String) -> Int? {
        guard let node = node(key), case .number(let range)? = keys[key]?.kind else { return nil }
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        return context.value(node, expecting: expected) { text in
            Int(decimalDigits: text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// One of the numbers of its description; `expecting` names them.
    func oneNumber(_ key: String, expecting: String) -> Int? {
        guard let node = node(key), case .oneNumber(let numbers)? = keys[key]?.kind else { return nil }
        return context.value(node, expecting: expecting) { text in
            numbers.first { String($0) == text }
        }
    }

    func flag(_ key: String) -> Bool? {
        node(key).flatMap { node in
            context.value(
                node, expecting: "true or false", parse: { ["true": true, "false": false][$0] },
                nearest: { SwitchText.meaning(of: $0).map { $0 ? "true" : "false" } })
        }
    }

    /// `on` or `off`, and what `flag` takes.
    func onOff(_ key: String) -> Bool? {
        node(key).flatMap { node in
            context.value(
                node, expecting: "on or off",
                parse: { ["on": true, "true": true, "off": false, "false": false][$0] },
                nearest: { SwitchText.meaning(of: $0).map { $0 ? "on" : "off" } })
        }
    }

    func word<Word: RawRepresentable & CaseIterable>(_ key: String, _ type: Word.Type) -> Word?
    where Word.RawValue == String {
        node(key).flatMap { word($0, type) }
    }

    func word<Word: RawRepresentable & CaseIterable>(_ node: YAMLNode, _ type: Word.Type) -> Word?
    where Word.RawValue == String {
        context.word(node, among: type.allCases.map(\.rawValue)).flatMap(Word.init(rawValue:))
    }

    /// As long as its description says, and at most 365 days.
    func duration(_ key: String) -> Duration? {
        guard let node = node(key), case .duration(let least)? = keys[key]?.kind else { return nil }
        let value = context.value(
            node, expecting: "a duration such as 10s", parse: DurationText.parse, nearest: DurationText.nearest)
        guard let value else { return nil }
        if value > DurationText.limit {
            context.report("expected at most 365 days, found \(node.found)", at: node.place)
            return nil
        }
        if value == .zero, least > .zero {
            context.report("expected a duration longer than 0s", at: node.place)
            return nil
        }
        if value < least {
            context.report(
                "expected a duration of \(DurationText.format(least)) or longer, found \(node.found)", at: node.place)
            return nil
        }
        return value
    }

    /// Within the range of its description.
    func size(_ key: String) -> Int? {
        guard let node = node(key), case .size(let range)? = keys[key]?.kind else { return nil }
        let size = context.value(
            node, expecting: "a size such as 64KiB", parse: ByteSizeText.parse, nearest: ByteSizeText.nearest)
        guard let size else { return nil }
        guard range.contains(size) else {
            let bounds = "\(ByteSizeText.format(range.lowerBound)) to \(ByteSizeText.format(range.upperBound))"
            let found = context.scalar(node, expecting: "a size")?.shown ?? node.found
            context.report("expected a size from \(bounds), found \(found)", at: node.place)
            return nil
        }
        return size
    }
}

extension ReadingContext {
    func word(_ node: YAMLNode, among words: [String]) -> String? {
        let expected =
            words.count > 1
            ? words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "") : words.joined()
        guard let scalar = scalar(node, expecting: expected) else { return nil }
        guard words.contains(scalar.text) else {
            let hint = NearMiss.hint(for: scalar.text, among: words)
            report("expected \(expected), found \(scalar.shown)\(hint)", at: scalar.place)
            return nil
        }
        return scalar.text
    }
}
