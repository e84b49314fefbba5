import GatewayPolicy
import NIOCore
import Testing

@Suite struct ErrorOutputTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test(
        arguments: [
            ("", []), ("one\n", ["one"]), ("one\r\n\n\ntwo", ["one", "two"]), ("half", ["half"]), ("\n", []),
        ] as [(String, [String])])
    func aLineIsAnEntry(text: String, expected: [String]) {
        var output = ErrorOutput(now: start)
        #expect(output.take(ByteBuffer(string: text), now: start) + output.finish(now: start) == expected)
        var pieces = ErrorOutput(now: start)
        var lines: [String] = []
        for byte in text.utf8 { lines += pieces.take(ByteBuffer(bytes: [byte]), now: start) }
        #expect(lines + pieces.finish(now: start) == expected)
    }

    @Test func aLongLineIsCut() {
        var output = ErrorOutput(now: start)
        let long = String(repeating: "x", count: 10_000)
        #expect(output.take(ByteBuffer(string: long), now: start) == [])
        #expect(
            output.take(ByteBuffer(string: long + "\nshort\n"), now: start) == [
                String(repeating: "x", count: ErrorOutput.maximumLine) + "…", "short",
            ])
    }

    @Test func whatIsNoTextIsRepaired() {
        var output = ErrorOutput(now: start)
        #expect(output.take(ByteBuffer(bytes: [0x61, 0xFF, 10]), now: start) == ["a\u{FFFD}"])
    }

    @Test func tooManyAreLeftOutAndCounted() {
        var output = ErrorOutput(now: start)
        let flood = ByteBuffer(string: String(repeating: "x\n", count: 250))
        #expect(output.take(flood, now: start).count == 100)
        #expect(output.takeLeftOut() == 150)
        #expect(output.takeLeftOut() == 0)
        // Ten a second from then on.
        #expect(output.take(flood, now: start + .seconds(1)).count == 10)
        #expect(output.take(flood, now: start + .seconds(100)).count == 100)
    }
}
