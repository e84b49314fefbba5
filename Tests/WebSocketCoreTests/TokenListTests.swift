import Testing
import WebSocketCore

@Suite("Lists of tokens (RFC 9110 §5.6)")
struct TokenListTests {
    static let lists: [([String], [String])] = [
        ([], []), ([""], []), (["chat"], ["chat"]), (["chat, superchat"], ["chat", "superchat"]),
        (["chat", "superchat"], ["chat", "superchat"]), ([" ,a,,\tb ,"], ["a", "b"]),
        (["a!#$%&'*+-.^_`|~9"], ["a!#$%&'*+-.^_`|~9"]),
        (["a, A, a"], ["a", "A", "a"]),
    ]

    @Test("is read in order, several lines as one", arguments: lists)
    func parse(lines: [String], tokens: [String]) throws {
        #expect(try TokenList.parse(lines) == tokens)
    }

    @Test("is refused", arguments: ["a b", "a;b", "a/b", "\"a\"", "a, (b)", "é", "a,\u{7F}"])
    func refuse(line: String) {
        #expect(throws: HeaderGrammarError.self) { try TokenList.parse([line]) }
    }

    @Test("has at most 64 tokens")
    func bounded() throws {
        #expect(try TokenList.parse(Array(repeating: "a", count: 64)).count == 64)
        #expect(throws: HeaderGrammarError.self) { try TokenList.parse(Array(repeating: "a", count: 65)) }
    }

    static let memberships: [([String], Bool)] = [
        (["Upgrade"], true), (["keep-alive, UPGRADE"], true), (["keep-alive", " upgrade\t"], true),
        ([",upgrade,"], true),
        ([], false), (["upgrades"], false), (["keep-alive upgrade"], false), (["up-grade"], false),
        (["\"upgrade\""], false),
        (["a b, upgrade"], true),
    ]

    @Test("contains a token in any case", arguments: memberships)
    func contains(lines: [String], isThere: Bool) {
        #expect(TokenList.contains(lines, token: "upgrade") == isThere)
    }

    @Test("folds only ASCII letters")
    func folding() {
        // U+212A, the Kelvin sign, folds to "k" in Unicode.
        #expect(!TokenList.contains(["websoc\u{212A}et"], token: "websocket"))
        // "[" and "{" differ by the bit that tells the cases of letters apart.
        #expect(!TokenList.contains(["["], token: "{"))
    }
}
