import NIOCore
import TestSupport
import Testing

@testable import GatewayNIO

@Suite("Where the content of an HTTP/1.1 message ends (RFC 9112 §6, §7.1)")
struct HTTP1ContentScanTests {
    /// How many bytes belong to the content; nil: it goes on.
    private func length(
        _ text: String, _ framing: HTTP1Framing, pieces: (Int) -> Int, maxTrailers: Int = 1000
    ) throws(HTTP1ContentScan.Violation) -> Int? {
        var scan = HTTP1ContentScan(framing, maxTrailers: maxTrailers)
        var bytes = ByteBuffer(string: text)
        var count = 0
        while bytes.readableBytes > 0, let piece = bytes.readSlice(length: pieces(bytes.readableBytes)) {
            if let end = try scan.end(in: piece.readableBytesView) { return count + end }
            count += piece.readableBytes
        }
        return scan.isDone ? count : nil
    }

    private static func ways() -> [(String, (Int) -> Int)] {
        let seed = UInt64.random(in: .min ... .max)
        return [
            ("whole", { $0 }), ("byte by byte", { _ in 1 }),
            (
                "random, seed \(seed)",
                { left in
                    var generator = SeededGenerator(seed: seed &+ UInt64(left))
                    return Int.random(in: 1...min(left, 7), using: &generator)
                }
            ),
        ]
    }

    @Test(
        "content ends where its framing says, and what is behind it is another message's",
        arguments: [
            ("hello", .length(5), 5), ("hello behind", .length(5), 5), ("hell", .length(5), nil),
            ("GET / HTTP/1.1\r\n", .none, 0), ("all of it", .untilEnd, nil),
            ("5\r\nhello\r\n0\r\n\r\n", .chunked, 15), ("5\r\nhello\r\n0\r\n\r\nGET /", .chunked, 15),
            ("0\r\n\r\n", .chunked, 5), ("A\r\n0123456789\r\n00\r\n\r\n", .chunked, 21),
            ("a;name=value;quoted=\"x y\"\r\n0123456789\r\n0\r\n\r\n", .chunked, 44),
            ("5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Other: a b\r\n\r\nrest", .chunked, 39),
            ("5\r\nhello\r\n0\r\nX-Sum: 1\r\n", .chunked, nil), ("5\r\nhel", .chunked, nil), ("5", .chunked, nil),
            ("000000000000005\r\nhello\r\n0\r\n\r\n", .chunked, 29),
        ] as [(String, HTTP1Framing, Int?)])
    func ends(text: String, framing: HTTP1Framing, end: Int?) throws {
        for (way, pieces) in Self.ways() {
            // Nothing to scan is an end at once.
            #expect(try length(text, framing, pieces: pieces) == end, "\(way)")
        }
    }

    @Test(
        "what two parsers could read in two ways is none",
        arguments: [
            "\r\n", ";x\r\n", "g\r\n", "0x5\r\nhello\r\n", "+5\r\nhello\r\n", "-1\r\n", " 5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello!\r\n", "5\r\nhello0\r\n\r\n",
            "5\r\rhello\r\n",
            "5;a\n\r\nhello\r\n", "5;a\u{0}\r\nhello\r\n", "1234567890123456\r\n", "5\r\nhello\r\n0\r\n\n",
            "5\r\nhello\r\n0\r\nX: 1\n\r\n", "5\r\nhello\r\n0\r\nX: 1\r\n folded\r\n\r\n", "0\r\n X: 1\r\n\r\n",
            "0\r\nX: 1\rY: 2\r\n\r\n",
        ])
    func refuses(text: String) {
        for (way, pieces) in Self.ways() {
            #expect(throws: HTTP1ContentScan.Violation.self, "\(way)") {
                try length(text, .chunked, pieces: pieces)
            }
        }
    }

    @Test("chunk extensions and trailers are bounded")
    func bounds() throws {
        let extended = "1;\(String(repeating: "x", count: 100))\r\na\r\n"
        #expect(throws: HTTP1ContentScan.Violation.self) {
            try length(String(repeating: extended, count: 200), .chunked, pieces: { $0 })
        }
        #expect(try length(String(repeating: extended, count: 100) + "0\r\n\r\n", .chunked, pieces: { $0 }) != nil)
        do {
            _ = try length("0\r\nX: \(String(repeating: "x", count: 1000))\r\n\r\n", .chunked, pieces: { $0 })
            Issue.record("expected a refusal")
        } catch {
            #expect(error.isTooLarge)
        }
    }
}
