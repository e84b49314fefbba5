import HTTPTypes
import NIOCore
import Testing

@testable import HTTP2Core

@Suite("SETTINGS (RFC 9113 §6.5, RFC 8441 §3)")
struct HTTP2SettingsTests {
    static func payload(_ values: [(UInt16, UInt32)]) -> ByteBuffer {
        var payload = ByteBuffer()
        for (number, value) in values {
            payload.writeInteger(number)
            payload.writeInteger(value)
        }
        return payload
    }

    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var sender = HTTP2Connection.Role.client
        var values: [(UInt16, UInt32)]
        /// nil: all is well.
        var code: HTTP2ErrorCode?
    }

    static let examples: [Example] = [
        Example(testDescription: "nothing", values: []),
        Example(testDescription: "HEADER_TABLE_SIZE of 0", values: [(1, 0)]),
        Example(testDescription: "HEADER_TABLE_SIZE of 2^32 - 1", values: [(1, .max)]),
        Example(testDescription: "ENABLE_PUSH of 0", values: [(2, 0)]),
        Example(testDescription: "ENABLE_PUSH of 1, from a client", values: [(2, 1)]),
        Example(
            testDescription: "ENABLE_PUSH of 1, which a server must not send", sender: .server, values: [(2, 1)],
            code: .protocolError),
        Example(testDescription: "ENABLE_PUSH of 0, from a server", sender: .server, values: [(2, 0)]),
        Example(testDescription: "ENABLE_PUSH of 2", values: [(2, 2)], code: .protocolError),
        Example(testDescription: "MAX_CONCURRENT_STREAMS of 0", values: [(3, 0)]),
        Example(testDescription: "MAX_CONCURRENT_STREAMS of 2^32 - 1", values: [(3, .max)]),
        Example(testDescription: "INITIAL_WINDOW_SIZE of 0", values: [(4, 0)]),
        Example(testDescription: "INITIAL_WINDOW_SIZE of 2^31 - 1", values: [(4, 0x7FFF_FFFF)]),
        Example(testDescription: "INITIAL_WINDOW_SIZE of 2^31", values: [(4, 0x8000_0000)], code: .flowControlError),
        Example(testDescription: "MAX_FRAME_SIZE of 16,383", values: [(5, 16_383)], code: .protocolError),
        Example(testDescription: "MAX_FRAME_SIZE of 16,384", values: [(5, 16_384)]),
        Example(testDescription: "MAX_FRAME_SIZE of 2^24 - 1", values: [(5, 16_777_215)]),
        Example(testDescription: "MAX_FRAME_SIZE of 2^24", values: [(5, 16_777_216)], code: .protocolError),
        Example(testDescription: "MAX_HEADER_LIST_SIZE of 0", values: [(6, 0)]),
        Example(testDescription: "an unknown one", values: [(7, .max), (0xFFFF, 1), (0, 0)]),
        Example(testDescription: "ENABLE_CONNECT_PROTOCOL of 1", sender: .server, values: [(8, 1)]),
        Example(testDescription: "ENABLE_CONNECT_PROTOCOL of 0", sender: .server, values: [(8, 0)]),
        Example(
            testDescription: "ENABLE_CONNECT_PROTOCOL of 2", sender: .server, values: [(8, 2)], code: .protocolError),
        Example(
            testDescription: "ENABLE_CONNECT_PROTOCOL of 0 after 1", sender: .server, values: [(8, 1), (8, 0)],
            code: .protocolError),
        Example(
            testDescription: "ENABLE_CONNECT_PROTOCOL of 0 after 1, which a client may say", values: [(8, 1), (8, 0)]),
        Example(testDescription: "a good one before a bad one", values: [(3, 1), (2, 7)], code: .protocolError),
    ]

    @Test("each value is taken within its range", arguments: examples)
    func ranges(example: Example) {
        var settings = HTTP2Settings()
        let result = Result { () throws(HTTP2Failure) in
            try settings.apply(Self.payload(example.values), from: example.sender)
        }
        switch result {
        case .success: #expect(example.code == nil)
        case .failure(let failure): #expect(failure.code == example.code)
        }
    }

    @Test("initial values are those of §6.5.2, and nothing needs to be said of them")
    func initial() {
        let settings = HTTP2Settings()
        #expect(settings.headerTableSize == 4096)
        #expect(settings.enablePush)
        #expect(settings.maxConcurrentStreams == nil)
        #expect(settings.initialWindowSize == 65_535)
        #expect(settings.maxFrameSize == 16_384)
        #expect(settings.maxHeaderListSize == nil)
        #expect(!settings.enableConnectProtocol)
        #expect(settings.payload().readableBytes == 0)
    }

    @Test("what is written is what is read")
    func roundTrip() throws {
        var settings = HTTP2Settings()
        settings.headerTableSize = 0
        settings.enablePush = false
        settings.maxConcurrentStreams = 7
        settings.initialWindowSize = 1
        settings.maxFrameSize = 20_000
        settings.maxHeaderListSize = 0
        settings.enableConnectProtocol = true
        var read = HTTP2Settings()
        _ = try read.apply(settings.payload(), from: .server)
        #expect(read == settings)
        #expect(settings.payload().readableBytes == 7 * 6)
    }

    @Test("values are processed in their order, the last one of a kind counts")
    func order() throws {
        var settings = HTTP2Settings()
        let smallest = try settings.apply(Self.payload([(1, 100), (3, 1), (1, 0), (3, 2), (1, 4096)]), from: .client)
        #expect(settings.headerTableSize == 4096)
        #expect(settings.maxConcurrentStreams == 2)
        // RFC 7541 §4.2: the smallest size in between has to be signaled by the encoder.
        #expect(smallest == 0)
        let none = try settings.apply(Self.payload([(3, 9)]), from: .client)
        #expect(none == nil)
    }
}
