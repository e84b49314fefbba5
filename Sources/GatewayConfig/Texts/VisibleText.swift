/// Text that came from outside, made safe to show: in a log line, on a terminal, in a message.
///
/// A terminal obeys control characters, and characters that nobody sees can put the rest of a line in another order or
/// give two names the same look.
public enum VisibleText {
    /// Whether nobody would see `scalar` itself, only what it does: control characters (C0, DEL, C1), line and paragraph
    /// separators, format characters (bidirectional controls and zero-width characters among them) and others that
    /// Unicode shows as nothing. Variation selectors only choose between two shapes of one character.
    public static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return scalar.properties.isDefaultIgnorableCodePoint && !scalar.properties.isVariationSelector
        }
    }

    /// Each hidden character becomes an escape of JSON strings (RFC 8259 §7): `\n`, `\u001b`, `\u202e`.
    ///
    /// - Parameter keepsLines: whether line feeds stay, for text of several lines.
    public static func escaped(_ text: some StringProtocol, keepsLines: Bool = false) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if isHidden(scalar), !(keepsLines && scalar == "\n") {
                shown += escape(scalar)
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// `scalar` as an escape of JSON strings; above U+FFFF as two.
    public static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default: break
        }
        return String(scalar).utf16.map { unit in
            let hex = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }.joined()
    }
}
