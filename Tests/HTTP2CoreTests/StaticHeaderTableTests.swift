import NIOCore
import NIOHPACK
import Testing

@testable import HTTP2Core

@Suite("The static table (RFC 7541 appendix A)")
struct StaticHeaderTableTests {
    @Test("its numbers are those of another implementation, both ways")
    func numbers() throws {
        #expect(StaticHeaderTable.count == 61)
        for number in 1...StaticHeaderTable.count {
            let field = HeaderField(StaticHeaderTable[number])
            // Read by that one …
            var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
            var block = ByteBuffer(bytes: [0x80 | UInt8(number)])
            let theirs = try decoder.decodeHeaders(from: &block)
            #expect(theirs.map { HeaderField($0.name, $0.value) } == [field], "number \(number)")
            // … and written.
            var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
            var written = ByteBuffer()
            let text = String(decoding: field.value, as: UTF8.self)
            try encoder.encode(headers: [String(decoding: field.name, as: UTF8.self): text], to: &written)
            var own = HeaderDecoder(maxListSize: 1000)
            #expect(try own.decode(written).fields == [field])
        }
    }
}
