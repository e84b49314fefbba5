import NIOCore
import Testing

@testable import GatewayNIO

@Suite("Where an HTTP/1.1 head ends")
struct HTTP1HeadScanTests {
    /// Bytes up to the end of the head when they come in pieces of this size; nil: no end was found.
    private func end(of text: String, pieces: Int) -> (length: Int?, scan: HTTP1HeadScan) {
        var scan = HTTP1HeadScan()
        var rest = ByteBuffer(string: text)
        var before = 0
        while let piece = rest.readSlice(length: min(pieces, rest.readableBytes)), piece.readableBytes > 0 {
            if let end = scan.end(in: piece.readableBytesView) { return (before + end, scan) }
            before += piece.readableBytes
        }
        return (nil, scan)
    }

    @Test(
        "the empty line ends it, whole, in pieces and byte by byte",
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "frames"), ("GET / HTTP/1.1\r\n\r\n", ""),
            // Empty lines before the start line (RFC 9112 §2.2).
            ("\r\n\r\n\nGET / HTTP/1.1\r\n\r\n", "\r\n\r\n"),
            // What no parser takes for a head still ends somewhere.
            ("GET / HTTP/1.1\nHost: a\n\n", "x"), ("a\n\r\n", "b"), ("a\r\n\n", "b"),
        ], [1, 2, 3, 7, 1000])
    func ends(head: (String, String), pieces: Int) {
        let (length, scan) = end(of: head.0 + head.1, pieces: pieces)
        #expect(length == head.0.utf8.count)
        #expect(scan.length == head.0.utf8.count)
    }

    @Test(
        "nothing else does",
        arguments: ["", "\r\n\r\n\n\n", "GET / HTTP/1.1\r\nHost: a\r\n", "a\r\n b\r\n\r", "a\r\r\r"])
    func goesOn(text: String) {
        #expect(end(of: text, pieces: 1).length == nil)
        #expect(end(of: text, pieces: 1000).length == nil)
    }

    @Test(
        "the status of a response is in its first bytes",
        arguments: [
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101), ("HTTP/1.0 200 OK\r\n\r\n", 200),
            ("\r\nHTTP/1.1 100\r\n\r\n", 100), ("HTTP/1.1 10", nil), ("HTTP/2 101 x\r\n\r\n", nil),
            ("SSH-2.0-OpenSSH_9.2\r\n", nil), ("HTTP/1.1 abc\r\n\r\n", nil),
        ] as [(String, Int?)])
    func status(text: String, status: Int?) {
        #expect(end(of: text, pieces: 1).scan.status == status)
    }
}
