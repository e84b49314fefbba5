import Testing
import WebSocketCore

@Suite("The challenge of hixie-76 (draft-ietf-hybi-thewebsocketprotocol-00)")
struct HixieChallengeTests {
    struct Example: Sendable {
        var first: String
        var second: String
        var nonce: String
        var numbers: [UInt32]
        var answer: String
    }

    /// §1.2 and §1.3.
    static let examples = [
        Example(
            first: "4 @1  46546xW%0l 1 5", second: "12998 5 Y3 1  .P00", nonce: "^n:ds[4U",
            numbers: [829_309_203, 259_970_620], answer: "8jKS'y:G*Co,Wxa-"),
        Example(
            first: "18x 6]8vM;54 *(5:  {   U1]8  z [  8", second: "1_ tx7X d  <  nw  334J702) 7]o}` 0",
            nonce: "Tm[K T2u", numbers: [155_712_099, 173_347_027], answer: "fQJ,fN/4F4!~K~MH"),
    ]

    @Test("the draft's own examples", arguments: examples)
    func example(example: Example) throws {
        let first = try #require(HixieChallenge.number(ofKey: example.first))
        let second = try #require(HixieChallenge.number(ofKey: example.second))
        #expect([first, second] == example.numbers)
        let answer = HixieChallenge(first: first, second: second).answer(nonce: example.nonce.utf8)
        #expect(String(decoding: answer, as: UTF8.self) == example.answer)
    }

    @Test(
        "keys and their numbers",
        arguments: [
            ("0 ", 0), ("4294967295 ", UInt32.max), (" 4 2 9 4 9 6 7 2 9 0", 429_496_729), ("a1b2 c", 12), ("8    ", 2),
            ("", nil), ("12", nil), (" ", nil), ("a b", nil), ("4294967296 ", nil), ("7  ", nil),
            ("99999999999999999999999999 ", nil), (String(repeating: " ", count: 256) + "0", nil),
        ] as [(String, UInt32?)])
    func number(key: String, expected: UInt32?) {
        #expect(HixieChallenge.number(ofKey: key) == expected)
    }
}
