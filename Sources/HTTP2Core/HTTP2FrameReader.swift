import HTTPTypes
import NIOCore

/// Finds the frames in a stream of bytes (RFC 9113 §4). The payload of DATA goes on as it comes, as slices of what was
/// read; other frames are gathered, and header blocks with their continuations.
///
/// What was read may lie in memory that others use next. So the reader copies what it keeps until more bytes come.
struct HTTP2FrameReader {
    enum Piece {
        /// Some of a DATA frame: `frame` with the first piece, `endsStream` with the last.
        case data(HTTP2StreamID, ByteBuffer, frame: DataFrame?, endsStream: Bool)
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

    /// What the header of a DATA frame says of all of it.
    struct DataFrame: Equatable {
        /// Bytes that count against the windows, the padding and its length included.
        var flow: Int
        /// How many of those carry nothing.
        var padding: Int
        var endsStream: Bool
    }

    /// What a client sends first (RFC 9113 §3.4).
    static let preface = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    /// The limit of a frame's payload that was announced: none other than the initial one.
    private static let maxFrameSize = 16_384

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
    private(set) var buffer = ByteBuffer()
    /// `buffer` lies in memory of the reader's own.
    private var isOwn = true
    private var header: HTTP2FrameHeader?
    private var headerBlock: HeaderBlock?
    private let maxHeaderBlock: Int
    /// Far more frames than the largest header block needs, each of which holds up to 16 KiB.
    private let maxContinuations: Int

    /// - Parameters:
    ///   - expectsPreface: on the server's side.
    ///   - maxHeaderBlock: bytes of a header block as it is compressed.
    init(expectsPreface: Bool, maxHeaderBlock: Int) {
        state = expectsPreface ? .preface : .settings
        self.maxHeaderBlock = maxHeaderBlock
        maxContinuations = 16 + maxHeaderBlock / Self.maxFrameSize
    }

    /// Bytes that are kept until the rest of their frame or header block comes.
    var heldBytes: Int { buffer.readableBytes + (headerBlock?.bytes.readableBytes ?? 0) }

    /// Bytes that are allocated for them.
    var storageBytes: Int { buffer.storageCapacity + (headerBlock?.bytes.storageCapacity ?? 0) }

    /// Whether a frame or header block was begun whose rest is missing; DATA that streams is none.
    var isInsideFrame: Bool {
        if headerBlock != nil || header != nil { return true }
        if case .data = state { return false }
        return buffer.readableBytes > 0
    }

    /// Takes bytes, which stay as they are until `next` has found nothing more in them.
    mutating func append(_ bytes: ByteBuffer) {
        guard buffer.readableBytes > 0 else {
            buffer = bytes
            isOwn = false
            return
        }
        keepRest()
        buffer.writeImmutableBuffer(bytes)
    }

    /// Copies what is left to memory of its own. What was read before is let go with that: where reads never end with a
    /// frame, it would pile up.
    private mutating func keepRest() {
        guard buffer.readableBytes > 0 else {
            buffer = ByteBuffer()
            isOwn = true
            return
        }
        guard !isOwn || buffer.readerIndex > 0 else { return }
        buffer = ByteBuffer(bytes: buffer.readableBytesView)
        isOwn = true
    }

    /// Lets go of what has come: nobody will ask for it.
    mutating func discard() {
        buffer = ByteBuffer()
        isOwn = true
        header = nil
        headerBlock = nil
    }

    /// The next piece; nil until more bytes come. A piece is good until the next one is asked for: it lies in what was
    /// read.
    ///
    /// - Throws: `HTTP2Failure` for a connection error.
    mutating func next() throws(HTTP2Failure) -> Piece? {
        if let piece = try find() { return piece }
        keepRest()
        return nil
    }

    private mutating func find() throws(HTTP2Failure) -> Piece? {
        while true {
            switch state {
            case .preface:
                guard try readPreface() else { return nil }
                state = .settings
            case .data(let stream, let left, let padding, let endsStream):
                if let piece = readData(stream, left: left, padding: padding, endsStream: endsStream) { return piece }
                if case .data = state { return nil }
            case .settings, .frames:
                if let piece = takeWholeData() { return piece }
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
        guard let header = HTTP2FrameHeader(readingFrom: &buffer) else { return nil }
        if case .settings = state {
            guard header.kind == .settings, !header.flags.contains(.ack) else {
                let arrived = header.kind == .settings ? "an acknowledgement of SETTINGS" : header.name
                throw HTTP2Failure(.protocolError, "the first frame is \(arrived), expected SETTINGS")
            }
            state = .frames
        }
        guard header.payloadLength <= Self.maxFrameSize else {
            throw HTTP2Failure(
                .frameSizeError, "\(header.name) frame is \(header.payloadLength) bytes, limit \(Self.maxFrameSize)"
            )
        }
        if let block = headerBlock {
            guard header.kind == .continuation, header.stream == block.stream else {
                throw HTTP2Failure(
                    .protocolError,
                    "\(header.name) on stream \(header.stream) inside a header block, expected CONTINUATION on "
                        + "stream \(block.stream)")
            }
        } else {
            try header.check()
        }
        self.header = header
        return header
    }

    // MARK: DATA

    /// A DATA frame without padding that is here as a whole, as most frames are; nil: whatever begins here is another, and
    /// has not been read.
    private mutating func takeWholeData() -> Piece? {
        guard case .frames = state, header == nil, headerBlock == nil else { return nil }
        guard let header = buffer.withUnsafeReadableBytes({ HTTP2FrameHeader.wholeData($0, limit: Self.maxFrameSize) })
        else { return nil }
        buffer.moveReaderIndex(forwardBy: HTTP2FrameHeader.length)
        guard let bytes = buffer.readSlice(length: header.payloadLength) else { return nil }
        let endsStream = header.flags.contains(.endStream)
        let frame = DataFrame(flow: header.payloadLength, padding: 0, endsStream: endsStream)
        return .data(header.stream, bytes, frame: frame, endsStream: endsStream)
    }

    private mutating func beginData(_ header: HTTP2FrameHeader) throws(HTTP2Failure) -> Piece? {
        var left = header.payloadLength
        var padding = 0
        if header.flags.contains(.padded) {
            guard left > 0 else {
                throw HTTP2Failure(.frameSizeError, "DATA frame has no room for the length of its padding")
            }
            guard let length: UInt8 = buffer.readInteger() else { return nil }
            guard Int(length) < left else {
                throw HTTP2Failure(.protocolError, "padding of a DATA frame is longer than its \(left) bytes")
            }
            left -= 1 + Int(length)
            padding = Int(length)
        }
        self.header = nil
        let endsStream = header.flags.contains(.endStream)
        let frame = DataFrame(
            flow: header.payloadLength, padding: header.payloadLength - left, endsStream: endsStream)
        let piece = takeData(header.stream, left: left, padding: padding, endsStream: endsStream)
        return .data(header.stream, piece.bytes, frame: frame, endsStream: piece.isLast && endsStream)
    }

    private mutating func readData(
        _ stream: HTTP2StreamID, left: Int, padding: Int, endsStream: Bool
    ) -> Piece? {
        guard buffer.readableBytes > 0 else { return nil }
        let piece = takeData(stream, left: left, padding: padding, endsStream: endsStream)
        guard piece.bytes.readableBytes > 0 || piece.isLast && endsStream else { return nil }
        return .data(stream, piece.bytes, frame: nil, endsStream: piece.isLast && endsStream)
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
        headerBlock = HeaderBlock(
            stream: header.stream, bytes: ByteBuffer(bytes: fragment.readableBytesView), endsStream: endsStream)
        return nil
    }

    private mutating func continueHeaders(
        _ header: HTTP2FrameHeader, _ fragment: ByteBuffer
    ) throws(HTTP2Failure) -> Piece? {
        guard var block = headerBlock.take() else { return nil }
        block.continuations += 1
        guard block.continuations <= maxContinuations else {
            throw HTTP2Failure(
                .enhanceYourCalm, "a header block has more than \(maxContinuations) CONTINUATION frames")
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
