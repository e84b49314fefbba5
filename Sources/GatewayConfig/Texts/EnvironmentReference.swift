/// `${NAME}` and `${NAME:-default}` in values; `$${` stands for `${` itself.
enum EnvironmentReference {
    struct Failure: Error, Equatable {
        var message: String
    }

    /// As in a shell, the default of `:-` is taken when the variable is unset or empty. What was put in is not looked
    /// at again.
    static func expand(_ text: String, environment: [String: String]) throws(Failure) -> String {
        guard text.contains("${") else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("$${") {
                result += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else {
                    throw Failure(message: "expected } after ${; write $${ for the characters ${ themselves")
                }
                result += try value(of: rest[rest.index(dollar, offsetBy: 2)..<end], environment: environment)
                rest = rest[rest.index(after: end)...]
            } else {
                result += "$"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    private static func value(of reference: Substring, environment: [String: String]) throws(Failure) -> String {
        let separator = reference.firstRange(of: ":-")
        let name = String(reference[..<(separator?.lowerBound ?? reference.endIndex)])
        let isName = name.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || isLetter($0) }
        guard isName, let first = name.utf8.first, isLetter(first) else {
            throw Failure(message: "expected ${NAME} or ${NAME:-default}, found \(quoted("${\(reference)}"))")
        }
        if let separator {
            if let value = environment[name], !value.isEmpty { return value }
            return String(reference[separator.upperBound...])
        }
        guard let value = environment[name] else {
            throw Failure(
                message: "the environment variable \(name) is not set; set it or write ${\(name):-default}")
        }
        return value
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
