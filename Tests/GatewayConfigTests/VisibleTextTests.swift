import GatewayConfig
import Testing

@Suite struct VisibleTextTests {
    @Test(arguments: [
        ("plain", "plain"), ("grüße 🙂 العربية 日本", "grüße 🙂 العربية 日本"), ("❤\u{FE0F}", "❤\u{FE0F}"),
        ("a\nb", #"a\nb"#), ("\r\t", #"\r\t"#), ("\u{0}", #"\u0000"#), ("\u{1B}[31m", #"\u001b[31m"#),
        ("\u{7F}", #"\u007f"#), ("\u{80}", #"\u0080"#), ("\u{85}", #"\u0085"#), ("\u{9B}31m", #"\u009b31m"#),
        ("\u{AD}", #"\u00ad"#), ("\u{61C}", #"\u061c"#), ("\u{200B}", #"\u200b"#), ("\u{200E}", #"\u200e"#),
        ("\u{200F}", #"\u200f"#), ("\u{2028}", #"\u2028"#), ("\u{2029}", #"\u2029"#), ("\u{202A}", #"\u202a"#),
        ("a\u{202E}b", #"a\u202eb"#), ("\u{2060}", #"\u2060"#), ("\u{2066}", #"\u2066"#), ("\u{2069}", #"\u2069"#),
        ("\u{3164}", #"\u3164"#), ("\u{FEFF}", #"\ufeff"#), ("\u{FFF9}", #"\ufff9"#), ("\u{E0041}", #"\udb40\udc41"#),
    ])
    func whatNobodySeesIsEscaped(text: String, expected: String) {
        #expect(VisibleText.escaped(text) == expected)
    }

    @Test func linesStayWhereTheyAreMeant() {
        #expect(VisibleText.escaped("a\nb\r\u{85}", keepsLines: true) == "a\nb\\r\\u0085")
    }

    @Test func everyBidirectionalControlIsHidden() {
        let controls = [0x61C, 0x200E, 0x200F] + Array(0x202A...0x202E) + Array(0x2066...0x2069)
        for value in controls { #expect(Unicode.Scalar(UInt32(value)).map(VisibleText.isHidden) == true) }
    }
}
