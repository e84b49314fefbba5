/// Values as JSON text (RFC 8259), keys in their order, which Foundation's encoder does not keep.
public enum JSONText {
    /// On several lines, indented by two spaces, with a line feed at the end.
    public static func write(_ value: ConfigurationValue) -> String {
        var text = ""
        append(value, to: &text, indent: "")
        return text + "\n"
    }

    private static func append(_ value: ConfigurationValue, to text: inout String, indent: String) {
        switch value {
        case .text(let string): text += quoted(string)
        case .number(let number): text += "\(number)"
        case .share(let share): text += DecimalFraction.text(share)
        case .flag(let isOn): text += isOn ? "true" : "false"
        case .list(let values):
            append(values, between: "[", "]", to: &text, indent: indent) { value, text, indent in
                append(value, to: &text, indent: indent)
            }
        case .mapping(let entries):
            append(entries, between: "{", "}", to: &text, indent: indent) { entry, text, indent in
                text += quoted(entry.key) + ": "
                append(entry.value, to: &text, indent: indent)
            }
        }
    }

    private static func append<Element>(
        _ elements: [Element], between opening: String, _ closing: String, to text: inout String, indent: String,
        each: (Element, inout String, String) -> Void
    ) {
        guard !elements.isEmpty else {
            text += opening + closing
            return
        }
        let inner = indent + "  "
        text += opening
        for (index, element) in elements.enumerated() {
            text += index == 0 ? "\n\(inner)" : ",\n\(inner)"
            each(element, &text, inner)
        }
        text += "\n\(indent)\(closing)"
    }

    private static func quoted(_ string: String) -> String {
        let escaped = string.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"\(VisibleText.escaped(escaped))\""
    }
}
