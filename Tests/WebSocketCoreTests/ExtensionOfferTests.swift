import Testing
import WebSocketCore

@Suite("Sec-WebSocket-Extensions (RFC 6455 §9.1)")
struct ExtensionOfferTests {
    typealias Parameter = ExtensionOffer.Parameter

    static let deflate = ExtensionOffer(
        name: "permessage-deflate", parameters: [Parameter(name: "client_max_window_bits")])

    static let lists: [([String], [ExtensionOffer])] = [
        ([], []),
        ([""], []),
        (["foo"], [ExtensionOffer(name: "foo")]),
        (
            ["foo, bar; baz=2"],
            [ExtensionOffer(name: "foo"), .init(name: "bar", parameters: [.init(name: "baz", value: "2")])]
        ),
        // Several field lines are one list
        (
            ["foo", "bar; baz=2"],
            [ExtensionOffer(name: "foo"), .init(name: "bar", parameters: [.init(name: "baz", value: "2")])]
        ),
        // The examples of RFC 6455 §9.1
        (["deflate-stream"], [ExtensionOffer(name: "deflate-stream")]),
        (
            ["mux; max-channels=4; flow-control, deflate-stream"],
            [
                ExtensionOffer(
                    name: "mux", parameters: [.init(name: "max-channels", value: "4"), .init(name: "flow-control")]),
                ExtensionOffer(name: "deflate-stream"),
            ]
        ),
        (["private-extension"], [ExtensionOffer(name: "private-extension")]),
        (["permessage-deflate; client_max_window_bits"], [deflate]),
        // Whitespace
        (["  permessage-deflate\t;client_max_window_bits  "], [deflate]),
        (["a;b = 1"], [ExtensionOffer(name: "a", parameters: [.init(name: "b", value: "1")])]),
        // Empty list elements
        ([", ,foo,, \t,bar,"], [ExtensionOffer(name: "foo"), ExtensionOffer(name: "bar")]),
        ([",", "foo"], [ExtensionOffer(name: "foo")]),
        // Quoted values whose content is a token, escapes undone
        (["a; b=\"10\""], [ExtensionOffer(name: "a", parameters: [.init(name: "b", value: "10")])]),
        (
            ["a; b=\"1\\0\" , c"],
            [ExtensionOffer(name: "a", parameters: [.init(name: "b", value: "10")]), .init(name: "c")]
        ),
        // Names are in lower case, however they came; values are what they are
        (["PerMessage-Deflate; CLIENT_max_Window_bits"], [deflate]),
        (["A; B=Cd"], [ExtensionOffer(name: "a", parameters: [.init(name: "b", value: "Cd")])]),
        // Duplicates and order are kept
        (
            ["a; x=2; y; x=1, a"],
            [
                ExtensionOffer(
                    name: "a",
                    parameters: [.init(name: "x", value: "2"), .init(name: "y"), .init(name: "x", value: "1")]),
                ExtensionOffer(name: "a"),
            ]
        ),
    ]

    @Test("is a list of extensions", arguments: lists)
    func parse(lines: [String], offers: [ExtensionOffer]) throws {
        #expect(try ExtensionHeader.parse(lines) == offers)
        #expect(try ExtensionHeader.parse([offers.map(\.description).joined(separator: ", ")]) == offers)
    }

    static let broken: [(String, Int)] = [
        ("foo;", 4), ("foo; ", 5), (";foo", 0), ("foo bar", 4), ("foo; bar baz", 9), ("foo; bar=", 9),
        ("foo; bar=,baz", 9), ("foo; =1", 5), ("foo/bar", 3), ("f@o", 1), ("foo; bar=\"1", 11), ("foo; bar=\"\"", 10),
        ("foo; bar=\"a b\"", 11), ("foo; bar=\"a,b\"", 11), ("foo; bar=\"a\\", 12), ("foo; bar=\"a\"b", 12), ("é", 0),
        ("\"foo\"", 0), ("foo; bar=1=2", 10), ("foo\u{0}", 3), ("foo; \"bar\"", 5),
    ]

    @Test("is refused with the place", arguments: broken)
    func refuse(line: String, position: Int) throws {
        let error = try #require(throws: HeaderGrammarError.self) { try ExtensionHeader.parse([line]) }
        #expect(error.position == position, "\(error)")
        #expect(error.message.hasPrefix("expected "))
    }

    @Test("has at most 64 elements, over all lines, of at most 64 parameters")
    func bounded() throws {
        #expect(try ExtensionHeader.parse(Array(repeating: "a, b", count: 32)).count == 64)
        #expect(throws: HeaderGrammarError.self) { try ExtensionHeader.parse(Array(repeating: "a", count: 65)) }
        let parameters = String(repeating: "; p", count: 64)
        #expect(try ExtensionHeader.parse(["a" + parameters]).first?.parameters.count == 64)
        #expect(throws: HeaderGrammarError.self) { try ExtensionHeader.parse(["a" + parameters + "; p"]) }
    }
}
