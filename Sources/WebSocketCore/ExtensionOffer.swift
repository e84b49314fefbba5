/// One element of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), in a request or an answer.
///
/// Names are in lower case, however they came. RFC 6455 does not say how they are compared; they are registered tokens
/// like those of HTTP that name a protocol, a coding or a parameter, and those are compared without regard to case
/// (RFC 9110 §5.6.6, §7.8, §8.4.1). All that is registered is in lower case, so nothing becomes another extension by it.
/// A value's case is for the extension to judge.
public struct ExtensionOffer: Equatable, Sendable {
    public struct Parameter: Equatable, Sendable {
        public var name: String
        /// Unquoted; nil when the parameter has no value.
        public var value: String?

        public init(name: String, value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    public var name: String
    /// In the order of the field, duplicates kept: what they mean is for the extension to say.
    public var parameters: [Parameter]

    public init(name: String, parameters: [Parameter] = []) {
        self.name = name
        self.parameters = parameters
    }
}

extension ExtensionOffer: CustomStringConvertible {
    /// As it stands in a field value: `name; parameter=value; parameter`.
    public var description: String {
        parameters.reduce(into: name) { text, parameter in
            text += "; \(parameter.name)"
            if let value = parameter.value { text += "=\(value)" }
        }
    }
}

/// The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), with the list rules of RFC 9110 §5.6.1.
public enum ExtensionHeader {
    /// Most elements of all lines together, and most parameters of each.
    public static let limit = 64

    /// Reads the values of all lines of the field as one list, in order, names in lower case. Empty elements are skipped.
    ///
    /// - Throws: `HeaderGrammarError` for anything that is not a list of extensions, for a quoted value that is not a
    ///   token, and past ``limit``.
    public static func parse(_ lines: [String]) throws(HeaderGrammarError) -> [ExtensionOffer] {
        var offers: [ExtensionOffer] = []
        for line in lines {
            var scanner = FieldScanner(line)
            scanner.skipEmptyElements()
            while !scanner.isAtEnd {
                guard offers.count < limit else {
                    throw HeaderGrammarError(
                        message: "more than \(limit) extensions, limit \(limit)", position: scanner.position)
                }
                offers.append(try element(&scanner))
                scanner.skipWhitespace()
                guard scanner.isAtEnd || scanner.skip(UInt8(ascii: ",")) else { throw scanner.unexpected("',' or ';'") }
                scanner.skipEmptyElements()
            }
        }
        return offers
    }

    private static func element(_ scanner: inout FieldScanner) throws(HeaderGrammarError) -> ExtensionOffer {
        var offer = ExtensionOffer(name: try scanner.token("an extension name").lowercased())
        scanner.skipWhitespace()
        while scanner.skip(UInt8(ascii: ";")) {
            guard offer.parameters.count < limit else {
                throw HeaderGrammarError(
                    message: "\(offer.name.prefix(64)) has more than \(limit) parameters, limit \(limit)",
                    position: scanner.position)
            }
            scanner.skipWhitespace()
            var parameter = ExtensionOffer.Parameter(
                name: try scanner.token("a parameter name").lowercased())
            // RFC 6455 uses the rules of RFC 2616 §2.1, which allow whitespace around "=".
            scanner.skipWhitespace()
            if scanner.skip(UInt8(ascii: "=")) {
                scanner.skipWhitespace()
                parameter.value = try scanner.tokenOrQuoted("value of \(parameter.name.prefix(64))")
                scanner.skipWhitespace()
            }
            offer.parameters.append(parameter)
        }
        return offer
    }
}
