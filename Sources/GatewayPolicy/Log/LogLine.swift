public import GatewayConfig

/// One line of the log, written field after field straight into its bytes: a JSON object, or text for people.
///
/// Hidden characters become escapes, so that a line stays one line and shows what it says.
public struct LogLine: Sendable {
    /// Most lines of requests fit, so that their bytes are allocated once.
    private static let usualLength = 768

    private var bytes: [UInt8] = []
    private let isJSON: Bool
    private let redaction: LogRedaction

    public init(
        _ message: String, level: String, at time: LogTime, format: LogConfiguration.Format,
        redaction: LogRedaction = .none
    ) {
        isJSON = format == .json
        self.redaction = redaction
        bytes.reserveCapacity(Self.usualLength)
        if isJSON {
            append("{\"time\":\"")
            time.append(to: &bytes)
            append("\",\"level\":\"")
            append(level)
            append("\",\"message\":")
            quote(message)
        } else {
            time.append(to: &bytes)
            bytes.append(UInt8(ascii: " "))
            append(level)
            bytes.append(UInt8(ascii: " "))
            append(VisibleText.escaped(message))
        }
    }

    /// The line with its line end.
    public consuming func finished() -> [UInt8] {
        append(isJSON ? "}\n" : "\n")
        return bytes
    }

    // MARK: Fields, whose names are the gateway's own

    public mutating func add(_ name: StaticString, _ value: String) {
        beginField(name)
        if redaction.isEmpty {
            quote(value)
        } else {
            quote(redaction.replacement(of: value, in: name.description) ?? value)
        }
    }

    public mutating func add(_ name: StaticString, _ number: some BinaryInteger) {
        beginField(name)
        append(String(number))
    }

    /// - Parameter number: one that is not finite becomes 0, as JSON has no other.
    public mutating func add(_ name: StaticString, _ number: Double) {
        beginField(name)
        append(number.isFinite ? number.description : "0")
    }

    public mutating func add(_ name: StaticString, _ flag: Bool) {
        beginField(name)
        append(flag ? "true" : "false")
    }

    // MARK: Fields, whose names may be anything

    /// Numbers and truth values stay what they are; anything else is told as text.
    public mutating func add(named name: String, _ value: any CustomStringConvertible) {
        beginField(named: name)
        switch value {
        case let flag as Bool: append(flag ? "true" : "false")
        case let number as any BinaryInteger: append(String(number))
        case let number as Double: append(number.isFinite ? number.description : "0")
        default: quote(redaction.replacement(of: value.description, in: name) ?? value.description)
        }
    }

    // MARK: Bytes

    private mutating func beginField(_ name: StaticString) {
        append(isJSON ? ",\"" : " ")
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        append(isJSON ? "\":" : "=")
    }

    private mutating func beginField(named name: String) {
        bytes.append(UInt8(ascii: isJSON ? "," : " "))
        if isJSON { quote(name) } else { append(VisibleText.escaped(name)) }
        bytes.append(UInt8(ascii: isJSON ? ":" : "="))
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// As a JSON string (RFC 8259 §7).
    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ 0x20...0x7E ~= $0 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            append(text)
        } else {
            escape(text)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ text: String) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case _ where VisibleText.isHidden(scalar): append(VisibleText.escape(scalar))
            default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }
}
