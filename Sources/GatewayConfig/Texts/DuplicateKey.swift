/// Finds and masks the second of two equal keys in one mapping. Yams tells the place of the first alone.
enum DuplicateKey {
    /// nil where the text is laid out in a way this simple search does not follow.
    static func second(of key: String, first: Place, in text: String) -> Place? {
        let lines = scalarLines(text)
        guard lines.indices.contains(first.line - 1) else { return nil }
        let spellings = [key, "\"\(key)\"", "'\(key)'"].map { Array($0.unicodeScalars) }
        return inBlock(spellings, first: first, lines: lines) ?? inFlow(spellings, first: first, lines: lines)
    }

    /// `text` with a character of the key at `place` replaced by a private-use one, unlike any `number` before, so
    /// that the key is equal to no other; lines and columns stay.
    static func masking(_ place: Place, number: Int, in text: String) -> String {
        var lines = scalarLines(text)
        var column = place.column - 1
        guard lines.indices.contains(place.line - 1), lines[place.line - 1].indices.contains(column),
            let mask = Unicode.Scalar(0xF000 + UInt32(clamping: number))
        else { return text }
        if ["\"", "'"].contains(lines[place.line - 1][column]), column + 1 < lines[place.line - 1].count {
            column += 1
        }
        lines[place.line - 1][column] = mask
        var result = String.UnicodeScalarView()
        for (index, line) in lines.enumerated() {
            if index > 0 { result.append("\n") }
            result.append(contentsOf: line)
        }
        return String(result)
    }

    /// Lines as YAML 1.1 ends them, which is how Yams counts; a carriage return before a line feed stays in its line.
    private static func scalarLines(_ text: String) -> [[Unicode.Scalar]] {
        var lines: [[Unicode.Scalar]] = [[]]
        let scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            switch scalar {
            case "\r" where index + 1 < scalars.count && scalars[index + 1] == "\n":
                lines[lines.count - 1].append(scalar)
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": lines.append([])
            default: lines[lines.count - 1].append(scalar)
            }
        }
        return lines
    }

    /// A later line of the same indentation, before any of a smaller one.
    private static func inBlock(
        _ spellings: [[Unicode.Scalar]], first: Place, lines: [[Unicode.Scalar]]
    ) -> Place? {
        for number in lines.indices.dropFirst(first.line) {
            let line = lines[number]
            guard let indent = line.firstIndex(where: { $0 != " " }), line[indent] != "#", line[indent] != "\r" else {
                continue
            }
            if indent < first.column - 1 { return nil }
            if indent == first.column - 1, startsKey(line[indent...], spellings) {
                return Place(line: number + 1, column: indent + 1)
            }
        }
        return nil
    }

    /// Further on within the same pair of braces.
    private static func inFlow(
        _ spellings: [[Unicode.Scalar]], first: Place, lines: [[Unicode.Scalar]]
    ) -> Place? {
        var depth = 0
        var quote: Unicode.Scalar?
        var column = first.column
        for number in lines.indices.dropFirst(first.line - 1) {
            let line = lines[number]
            while column < line.count {
                let scalar = line[column]
                let opensKey = column == 0 || [" ", ",", "{"].contains(line[column - 1])
                if quote == nil, depth == 0, opensKey, startsKey(line[column...], spellings) {
                    return Place(line: number + 1, column: column + 1)
                }
                switch scalar {
                case "\"", "'": quote = quote == nil ? scalar : (quote == scalar ? nil : quote)
                case "{", "[": depth += quote == nil ? 1 : 0
                case "}", "]": depth -= quote == nil ? 1 : 0
                default: break
                }
                if depth < 0 { return nil }
                column += 1
            }
            column = 0
        }
        return nil
    }

    private static func startsKey(_ text: ArraySlice<Unicode.Scalar>, _ spellings: [[Unicode.Scalar]]) -> Bool {
        spellings.contains { spelling in
            text.starts(with: spelling) && text.dropFirst(spelling.count).first { $0 != " " } == ":"
        }
    }
}
