import HTTPTypes
import NIOCore
import Testing

@testable import GatewayNIO

@Suite("The content of an HTTP/2 message at the pace of its reader")
struct HTTP2ContentTests {
    static let piece = ByteBuffer(string: "abc")
    static let trailers: HTTPFields = [.eTag: "x"]

    @Test("what is wanted goes on as it comes")
    func atOnce() {
        var content = HTTP2Content()
        #expect(content.add(Self.piece) == Self.piece)
        #expect(content.isEmpty && content.next() == nil)
        content.end(trailers: Self.trailers)
        #expect(!content.isEmpty)
        #expect(content.next() == .end(trailers: Self.trailers))
        #expect(content.isEmpty && content.next() == nil)
    }

    @Test("what is not wanted is held, and the end behind it")
    func held() {
        var content = HTTP2Content()
        content.mayRead = false
        #expect(content.add(Self.piece) == nil)
        content.end(trailers: nil)
        #expect(content.next() == nil)
        content.mayRead = true
        #expect(content.next() == .bytes(Self.piece))
        #expect(content.next() == .end(trailers: nil))
        #expect(content.next() == nil)
    }

    @Test("nothing overtakes what is held")
    func order() {
        var content = HTTP2Content()
        content.mayRead = false
        _ = content.add(Self.piece)
        content.mayRead = true
        #expect(content.add(ByteBuffer(string: "def")) == nil)
        #expect(content.next() == .bytes(ByteBuffer(string: "abcdef")))
    }

    @Test("a reader may stop between two pieces")
    func stops() {
        var content = HTTP2Content()
        content.mayRead = false
        _ = content.add(ByteBuffer(repeating: 1, count: HeldBytes.pieceSize + 1))
        content.end(trailers: nil)
        content.mayRead = true
        #expect(content.next() == .bytes(ByteBuffer(repeating: 1, count: HeldBytes.pieceSize)))
        content.mayRead = false
        #expect(content.next() == nil && !content.isEmpty)
        content.mayRead = true
        #expect(content.next() == .bytes(ByteBuffer(repeating: 1, count: 1)))
        #expect(content.next() == .end(trailers: nil))
    }

    @Test("the end alone waits for nobody")
    func endAlone() {
        var content = HTTP2Content()
        content.mayRead = false
        content.end(trailers: nil)
        #expect(content.next() == .end(trailers: nil))
    }
}
