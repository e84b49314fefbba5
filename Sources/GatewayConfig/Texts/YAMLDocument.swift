import Yams

/// YAML text to a tree, within bounds of size, depth and expanded aliases.
enum YAMLDocument {
    static let depthLimit = 32
    /// Values once every alias is replaced by what it stands for. A file without aliases can't come near.
    static let valueLimit = 400_000
    private static let duplicateLimit = 20

    /// nil when there is nothing to go on with; what is wrong has been reported.
    static func read(_ text: String, context: ReadingContext) -> YAMLNode? {
        guard text.utf8.count <= ConfigurationFile.sizeLimit else {
            let limit = ByteSizeText.format(ConfigurationFile.sizeLimit)
            context.report("the file is \(text.utf8.count) bytes, limit \(limit)", at: .start)
            return nil
        }
        // A byte order mark before the first character is no part of the text (YAML 1.2 §5.2).
        let isMarked = text.unicodeScalars.first == "\u{FEFF}"
        var source = isMarked ? String(String.UnicodeScalarView(text.unicodeScalars.dropFirst())) : text
        var duplicates: Set<Place> = []
        do {
            while true {
                do {
                    // Yams hashes keys, so an alias in a key could cost exponential time. The keys are looked at
                    // with aliases turned into plain text first.
                    let structure = try compose(source.replacing("*", with: aliasMark))
                    guard checkKeys(of: structure, context: context) else { return nil }
                    break
                } catch YamlError.duplicatedKeysInMapping(let keys, let mapping) {
                    // Yams stops at a duplicate; masking it lets the rest of the file be read too.
                    guard let key = keys.first else { return nil }
                    let first = Place(mapping.mark)
                    let name = key.replacing(aliasMark, with: "*")
                    let second = DuplicateKey.second(of: name, first: first, in: source)
                    context.report(
                        "the key \(quoted(name)) is given twice, first on line \(first.line)", at: second ?? first)
                    guard let second, duplicates.count < duplicateLimit, duplicates.insert(second).inserted else {
                        return nil
                    }
                    source = DuplicateKey.masking(second, number: duplicates.count, in: source)
                }
            }
            guard let root = try compose(source) else {
                return YAMLNode(place: .start, kind: .nothing)
            }
            var conversion = Conversion(context: context, dropped: duplicates)
            return try conversion.convert(root, depth: 0)
        } catch let error as YamlError {
            let (message, place) = describe(error)
            if let quote = UnclosedQuote.find(
                before: place, in: source, isAtEnd: message.contains("unexpected end of stream"))
            {
                context.report(quote.message, at: quote.place)
            } else {
                context.report(message, at: place)
            }
        } catch let error as LimitReached {
            context.report(error.message, at: error.place)
        } catch {
            context.report("the file is not YAML: \(error)", at: .start)
        }
        return nil
    }

    /// Stands for `*` while keys are checked: a private-use character that YAML takes as text.
    private static let aliasMark = "\u{E000}"

    private static func compose(_ text: String) throws -> Node? {
        // The basic resolver leaves every scalar text: what "off" or "010" mean is for the readers to say.
        try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
    }

    private static func checkKeys(of node: Node?, context: ReadingContext) -> Bool {
        switch node {
        case .mapping(let mapping):
            var good = true
            for (key, value) in mapping {
                if key.scalar == nil || key.scalar?.string.hasPrefix(aliasMark) == true {
                    context.report("expected a key that is plain text", at: Place(key.mark))
                    good = false
                }
                good = checkKeys(of: value, context: context) && good
            }
            return good
        case .sequence(let sequence):
            return sequence.allSatisfy { checkKeys(of: $0, context: context) }
        default:
            return true
        }
    }

    private static func describe(_ error: YamlError) -> (String, Place) {
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            guard let context else { return ("YAML syntax error: \(problem)", Place(mark)) }
            let start = "line \(context.mark.line), column \(context.mark.column)"
            return ("YAML syntax error: \(problem) (\(context.text), from \(start))", Place(mark))
        case .reader(let problem, let offset, _, let text):
            let before = text.prefix(offset ?? 0)
            let line = before.count(where: \.isNewline) + 1
            let column = before.suffix(while: { !$0.isNewline }).unicodeScalars.count + 1
            return ("YAML syntax error: \(problem)", Place(line: line, column: column))
        default:
            return ("YAML syntax error: \(error)", .start)
        }
    }

    private struct LimitReached: Error {
        var message: String
        var place: Place
    }

    private struct Conversion {
        let context: ReadingContext
        /// Places of keys that were reported as duplicates.
        let dropped: Set<Place>
        var values = 0

        mutating func convert(_ node: Node, depth: Int) throws -> YAMLNode {
            let place = Place(node.mark)
            values += 1
            guard values <= valueLimit else {
                throw LimitReached(
                    message: "the file has more than \(valueLimit) values after its aliases are expanded", place: place)
            }
            guard depth <= depthLimit else {
                throw LimitReached(message: "the file is nested deeper than \(depthLimit) levels", place: place)
            }
            let tag = node.tag.description
            if !tag.hasPrefix("tag:yaml.org,2002:") {
                context.report("the tag \(quoted(tag)) is not supported; remove it", at: place)
            }
            switch node {
            case .scalar(let scalar):
                let empty = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
                return YAMLNode(place: place, kind: empty ? .nothing : .scalar(scalar.string))
            case .sequence(let sequence):
                var elements: [YAMLNode] = []
                for element in sequence { elements.append(try convert(element, depth: depth + 1)) }
                return YAMLNode(place: place, kind: .sequence(elements))
            case .mapping(let mapping):
                return YAMLNode(place: place, kind: .mapping(try entries(of: mapping, depth: depth)))
            case .alias:
                return YAMLNode(place: place, kind: .nothing)
            }
        }

        /// The entries in order; those of a merge key (`<<: *base`) come last and never replace one given here.
        private mutating func entries(of mapping: Node.Mapping, depth: Int) throws -> [YAMLNode.Entry] {
            var entries: [YAMLNode.Entry] = []
            var merged: [YAMLNode] = []
            for (key, value) in mapping {
                let place = Place(key.mark)
                if dropped.contains(place) { continue }
                let value = try convert(value, depth: depth + 1)
                let name = key.scalar?.string ?? ""
                guard name == "<<", key.scalar?.style == .plain else {
                    entries.append(YAMLNode.Entry(key: name, place: place, value: value))
                    continue
                }
                if case .sequence(let several) = value.kind { merged += several } else { merged.append(value) }
            }
            var names = Set(entries.map(\.key))
            for node in merged {
                guard case .mapping(let inherited) = node.kind else {
                    context.report("expected a mapping to merge, found \(node.found)", at: node.place)
                    continue
                }
                for entry in inherited where names.insert(entry.key).inserted { entries.append(entry) }
            }
            return entries
        }
    }
}

extension Place {
    fileprivate init(_ mark: Mark?) {
        self.init(line: mark?.line ?? 1, column: mark?.column ?? 1)
    }
}

extension StringProtocol {
    fileprivate func suffix(while predicate: (Character) -> Bool) -> SubSequence {
        guard let last = lastIndex(where: { !predicate($0) }) else { return self[...] }
        return self[index(after: last)...]
    }
}
