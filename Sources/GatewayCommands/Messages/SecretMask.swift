/// Hides what looks like a secret in a line of a configuration file, and keeps every column where it is.
enum SecretMask {
    /// Parts of keys, in lower case.
    private static let words = [
        "token", "secret", "passw", "authorization", "set-cookie", "api-key", "api_key", "apikey", "credential",
    ]

    static func masked(_ line: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var scalars = line
        for index in scalars.indices where scalars[index] == ":" {
            if endsKey(index, in: scalars), isSecret(key(before: index, in: scalars)) {
                mask(valueAfter: index, in: &scalars)
            }
            if scalars[index...].starts(with: "://".unicodeScalars) {
                maskUserInformation(after: index + 3, in: &scalars)
            }
        }
        return scalars
    }

    /// Whether it stands between key and value: before a space, or behind a key in quotes.
    private static func endsKey(_ colon: Int, in scalars: [Unicode.Scalar]) -> Bool {
        guard colon + 1 < scalars.count, scalars[colon + 1] != " " else { return true }
        return colon > 0 && ["\"", "'"].contains(scalars[colon - 1])
    }

    private static func isSecret(_ key: String) -> Bool {
        // A file with a token, or the name of a key in it, is no secret.
        !key.hasSuffix("file") && words.contains { key.contains($0) }
    }

    /// In lower case, without quotes.
    private static func key(before colon: Int, in scalars: [Unicode.Scalar]) -> String {
        var name = String.UnicodeScalarView()
        for scalar in scalars[..<colon].reversed() {
            guard !["{", ",", "[", " ", "\t", "?"].contains(scalar) else { break }
            if scalar != "\"", scalar != "'" { name.append(scalar) }
        }
        return String(String(name).reversed()).lowercased()
    }

    private static func mask(valueAfter colon: Int, in scalars: inout [Unicode.Scalar]) {
        var index = colon + 1
        while index < scalars.count, scalars[index] == " " { index += 1 }
        guard index < scalars.count, !["{", "[", "&", "*"].contains(scalars[index]) else { return }
        let quote = ["\"", "'"].contains(scalars[index]) ? scalars[index] : nil
        if quote != nil { index += 1 }
        // A reference to the environment says what to set, and holds no secret but for its default.
        var isReference = scalars[index...].starts(with: "${".unicodeScalars)
        while index < scalars.count {
            let scalar = scalars[index]
            if let quote, scalar == quote { return }
            if quote == nil, [",", "}", "]"].contains(scalar), !isReference { return }
            if isReference {
                if scalar == "}" || scalars[index...].starts(with: ":-".unicodeScalars) { isReference = false }
            } else if scalar != " " || quote != nil {
                scalars[index] = "*"
            }
            index += 1
        }
    }

    /// `user:password` of a URL (RFC 3986 §3.2.1).
    private static func maskUserInformation(after start: Int, in scalars: inout [Unicode.Scalar]) {
        let authority = scalars[start...].prefix { !["/", "?", "#", " ", "\"", "'", ","].contains($0) }
        guard let end = authority.lastIndex(of: "@") else { return }
        for index in start..<end { scalars[index] = "*" }
    }
}
