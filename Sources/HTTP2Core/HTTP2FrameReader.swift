import HTTPTypes
import NIOCore

/// Finds the frames in a stream of bytes (RFC 9113 §4). The payload of DATA goes on as it comes, as slices of what was
/// read; other frames are gathered, and header blocks with their continuations.
struct HTTP2FrameReader {
    enum Piece {
        /// Some of a DATA frame. `flow`: bytes that count against the windows, all with the first piece; `padding`:
        /// how many of those carry nothing. `endsStream` only with the last piece.
        case data(HTTP2StreamID, ByteBuffer, flow: Int, padding: Int, endsStream: Bool)
        case headers(HTTP2StreamID, block: ByteBuffer, endsStream: Bool)
        case priority
        case rstStream(HTTP2StreamID, HTTP2ErrorCode)
        case settings(ByteBuffer)
        case settingsAck
        case ping(UInt64)
        case pingAck(UInt64)
        case goAway(lastStream: HTTP2StreamID, HTTP2ErrorCode, debugData: ByteBuffer)
        case windowUpdate(HTTP2StreamID, increment: UInt32)
        /// Of a type that nobody knows.
        case unknown
    }

    /// What a client sends first (RFC 9113 §3.4).
    static let preface = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    /// The limit of a frame's payload that was announced: none other than the initial one.
    private static let maxFrameSize = 16_384
    /// A header block is never in more frames than this, as each of them holds up to 16 KiB.
    private static let maxContinuations = 16

    private enum State {
        case preface
        case settings
        case frames
        case data(HTTP2StreamID, left: Int, padding: Int, endsStream: Bool)
    }

    private struct HeaderBlock {
        var stream: HTTP2StreamID
        var bytes: ByteBuffer
        var endsStream: Bool
        var continuations = 0
    }

    private var state: State
    private var buffer = ByteBuffer()
    private var header: HTTP2FrameHeader?
    private var headerBlock: HeaderBlock?
    private let maxHeaderBlock: Int

    /// - Parameters:
    ///   - expectsPreface: on the server's side.
    ///   - maxHeaderBlock: bytes of a header block as it is compressed.
    init(expectsPreface: Bool, maxHeaderBlock: Int) {
        state = expectsPreface ? .preface : .settings
        self.maxHeaderBlock = maxHeaderBlock
    }

    /// Whether a frame or header block was begun whose rest is missing; DATA that streams is none.
    var isInsideFrame: Bool {
        if headerBlock != nil || header != nil { return true }
        if case .data = state { return false }
        return buffer.readableBytes > 0
    }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next piece; nil until more bytes come.
    ///
    /// - Throws: `HTTP2Failure` for a connection error.
    mutating func next() throws(HTTP2Failure) -> Piece? {
        while true {
            switch state {
            case .preface:
                guard try readPreface() else { return nil }
                state = .settings
            case .data(let stream, let left, let padding, let endsStream):
                if let piece = readData(stream, left: left, padding: padding, endsStream: endsStream) { return piece }
                if case .data = state { return nil }
            case .settings, .frames:
                guard let header = try readHeader() else { return nil }
                if header.kind == .data {
                    guard let piece = try beginData(header) else { return nil }
                    return piece
                }
                guard buffer.readableBytes >= header.payloadLength else { return nil }
                self.header = nil
                guard let payload = buffer.readSlice(length: header.payloadLength) else { return nil }
                if let piece = try read(header, payload) { return piece }
            }
        }
    }

    private mutating func readPreface() throws(HTTP2Failure) -> Bool {
        let expected = Self.preface.readableBytesView
        let arrived = buffer.readableBytesView.prefix(expected.count)
        guard expected.starts(with: arrived) else {
            throw HTTP2Failure(.protocolError, "the client connection preface is wrong")
        }
        guard arrived.count == expected.count else { return false }
        buffer.moveReaderIndex(forwardBy: expected.count)
        return true
    }

    private mutating func readHeader() throws(HTTP2Failure) -> HTTP2FrameHeader? {
        if let header { return header }
        guard let header = HTTP2FrameHeader(readingFrom: &buffer) else {
            if buffer.readableBytes == 0 { buffer = ByteBuffer() }
            return nil
        }
        if case .settings = state {
            guard header.kind == .settings, !header.flags.contains(.ack) else {
                throw HTTP2Failure(.protocolError, "the first frame is \(Self.name(header)), expected SETTINGS")
            }
            state = .frames
        }
        guard header.payloadLength <= Self.maxFrameSize else {
            throw HTTP2Failure(
                .frameSizeError, "\(Self.name(header)) frame is \(header.payloadLength) bytes, limit \(Self.maxFrameSize)"
            )
        }
        if let block = headerBlock {
            guard header.kind == .continuation, header.stream == block.stream else {
                throw HTTP2Failure(
                    .protocolError,
                    "\(Self.name(header)) on stream \(header.stream) inside a header block, expected CONTINUATION on "
                        + "stream \(block.stream)")
            }
        } else {
            try Self.check(header)
        }
        self.header = header
        return header
    }

    /// Stream numbers and lengths, which can be judged before the payload is here.
    private static func check(_ header: HTTP2FrameHeader) throws(HTTP2Failure) {
        switch header.kind {
        case .data, .headers, .priority, .rstStream:
            guard header.stream != 0 else {
                throw HTTP2Failure(.protocolError, "\(name(header)) on stream 0, expected the number of a stream")
            }
        case .settings, .ping, .goAway:
            guard header.stream == 0 else {
                throw HTTP2Failure(.protocolError, "\(name(header)) on stream \(header.stream), expected stream 0")
            }
        case .continuation:
            throw HTTP2Failure(.protocolError, "CONTINUATION without a header block before it")
        case .pushPromise:
            throw HTTP2Failure(.protocolError, "PUSH_PROMISE, which was not allowed")
        case .windowUpdate, nil:
            break
        }
        let expected: Int
        switch header.kind {
        case .priority: expected = 5
        case .rstStream, .windowUpdate: expected = 4
        case .ping: expected = 8
        case .settings where header.flags.contains(.ack): expected = 0
        case .settings where header.payloadLength % 6 != 0:
            throw HTTP2Failure(.frameSizeError, "SETTINGS frame is \(header.payloadLength) bytes, expected a multiple of 6")
        case .goAway where header.payloadLength < 8:
            throw HTTP2Failure(.frameSizeError, "GOAWAY frame is \(header.payloadLength) bytes, expected at least 8")
        default: return
        }
        guard header.payloadLength == expected else {
            throw HTTP2Failure(
                .frameSizeError, "\(name(header)) frame is \(header.payloadLength) bytes, expected \(expected)")
        }
    }

    private static func name(_ header: HTTP2FrameHeader) -> String {
        switch header.kind {
        case .data: "DATA"
        case .headers: "HEADERS"
        case .priority: "PRIORITY"
        case .rstStream: "RST_STREAM"
        case .settings: "SETTINGS"
        case .pushPromise: "PUSH_PROMISE"
        case .ping: "PING"
        case .goAway: "GOAWAY"
        case .windowUpdate: "WINDOW_UPDATE"
        case .continuation: "CONTINUATION"
        case nil: "a frame of unknown type"
        }
    }

    // MARK: DATA

    private mutating func beginData(_ header: HTTP2FrameHeader) throws(HTTP2Failure) -> Piece? {
        var left = header.payloadLength
        var padding = 0
        if header.flags.contains(.padded) {
            if left > 0, buffer.readableBytes == 0 { return nil }
            guard left > 0, let length: UInt8 = buffer.readInteger(), Int(length) < left else {
                throw HTTP2Failure(.protocolError, "padding of a DATA frame is longer than its \(left) bytes")
            }
            left -= 1 + Int(length)
            padding = Int(length)
        }
        self.header = nil
        let piece = takeData(
            header.stream, left: left, padding: padding, endsStream: header.flags.contains(.endStream))
        return .data(
            header.stream, piece.bytes, flow: header.payloadLength, padding: header.payloadLength - left,
            endsStream: piece.isLast && header.flags.contains(.endStream))
    }

    private mutating func readData(
        _ stream: HTTP2StreamID, left: Int, padding: Int, endsStream: Bool
    ) -> Piece? {
        guard buffer.readableBytes > 0 else {
            buffer = ByteBuffer()
            return nil
        }
        let piece = takeData(stream, left: left, padding: padding, endsStream: endsStream)
        guard piece.bytes.readableBytes > 0 || piece.isLast && endsStream else { return nil }
        return .data(stream, piece.bytes, flow: 0, padding: 0, endsStream: piece.isLast && endsStream)
    }

    /// As much of a DATA frame's rest as is here, its padding skipped.
    private mutating func takeData(
        _ stream: HTTP2StreamID, left: Int, padding: Int, endsStream: Bool
    ) -> (bytes: ByteBuffer, isLast: Bool) {
        let count = min(left, buffer.readableBytes)
        let bytes = buffer.readSlice(length: count) ?? ByteBuffer()
        let skipped = min(padding, buffer.readableBytes)
        if count == left { buffer.moveReaderIndex(forwardBy: skipped) }
        let isLast = count == left && skipped == padding
        state =
            isLast
            ? .frames
            : .data(
                stream, left: left - count, padding: count == left ? padding - skipped : padding,
                endsStream: endsStream)
        return (bytes, isLast)
    }

    // MARK: Other frames

    /// nil: nothing that anybody needs to know, or a header block that goes on.
    private mutating func read(_ header: HTTP2FrameHeader, _ payload: ByteBuffer) throws(HTTP2Failure) -> Piece? {
        var payload = payload
        switch header.kind {
        case .headers:
            return try beginHeaders(header, &payload)
        case .continuation:
            return try continueHeaders(header, payload)
        case .priority:
            return .priority
        case .rstStream:
            return .rstStream(header.stream, HTTP2ErrorCode(rawValue: payload.readInteger() ?? 0))
        case .settings:
            return header.flags.contains(.ack) ? .settingsAck : .settings(payload)
        case .ping:
            let value: UInt64 = payload.readInteger() ?? 0
            return header.flags.contains(.ack) ? .pingAck(value) : .ping(value)
        case .goAway:
            let last: UInt32 = payload.readInteger() ?? 0
            let code: UInt32 = payload.readInteger() ?? 0
            return .goAway(lastStream: last & 0x7FFF_FFFF, HTTP2ErrorCode(rawValue: code), debugData: payload)
        case .windowUpdate:
            let increment: UInt32 = payload.readInteger() ?? 0
            return .windowUpdate(header.stream, increment: increment & 0x7FFF_FFFF)
        case .data, .pushPromise, nil:
            return .unknown
        }
    }

    private mutating func beginHeaders(
        _ header: HTTP2FrameHeader, _ payload: inout ByteBuffer
    ) throws(HTTP2Failure) -> Piece? {
        var padding = 0
        if header.flags.contains(.padded) {
            guard let length: UInt8 = payload.readInteger() else {
                throw HTTP2Failure(.frameSizeError, "HEADERS frame has no room for the length of its padding")
            }
            padding = Int(length)
        }
        if header.flags.contains(.priority) {
            guard payload.readableBytes >= 5 else {
                throw HTTP2Failure(.frameSizeError, "HEADERS frame has no room for its priority")
            }
            payload.moveReaderIndex(forwardBy: 5)
        }
        guard let fragment = payload.readSlice(length: payload.readableBytes - padding) else {
            throw HTTP2Failure(.protocolError, "padding of a HEADERS frame is longer than the frame")
        }
        try checkBlock(fragment.readableBytes)
        let endsStream = header.flags.contains(.endStream)
        if header.flags.contains(.endHeaders) {
            return .headers(header.stream, block: fragment, endsStream: endsStream)
        }
        headerBlock = HeaderBlock(stream: header.stream, bytes: fragment, endsStream: endsStream)
        return nil
    }

    private mutating func continueHeaders(
        _ header: HTTP2FrameHeader, _ fragment: ByteBuffer
    ) throws(HTTP2Failure) -> Piece? {
        guard var block = headerBlock.take() else { return nil }
        block.continuations += 1
        guard block.continuations <= Self.maxContinuations else {
            throw HTTP2Failure(
                .enhanceYourCalm, "a header block has more than \(Self.maxContinuations) CONTINUATION frames")
        }
        try checkBlock(block.bytes.readableBytes + fragment.readableBytes)
        block.bytes.writeImmutableBuffer(fragment)
        if header.flags.contains(.endHeaders) {
            return .headers(block.stream, block: block.bytes, endsStream: block.endsStream)
        }
        headerBlock = block
        return nil
    }

    private func checkBlock(_ size: Int) throws(HTTP2Failure) {
        guard size <= maxHeaderBlock else {
            throw HTTP2Failure(.enhanceYourCalm, "a header block is \(size) bytes or more, limit \(maxHeaderBlock)")
        }
    }
}
