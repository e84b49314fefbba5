public import HTTPTypes
public import NIOCore

/// One stream (RFC 9113 §5): its windows, and what could not be sent yet. Its `HTTP2Connection` acts on it.
public final class HTTP2Stream {
    /// What waits to be sent stops its writer above this…
    static let highWatermark = 64 * 1024
    /// …until it is below this.
    static let lowWatermark = 16 * 1024

    public let id: HTTP2StreamID
    /// Who is told what becomes of the stream. Forgotten when the stream is closed.
    public var delegate: (any HTTP2StreamDelegate)?

    var sendWindow: Int
    var receiveWindow = ReceiveWindow()
    var pending: ByteBuffer?
    var flags = Flags()
    /// What goes out with END_STREAM, behind what is pending.
    var trailers: HTTPFields?
    /// Interim responses that may still come for nothing.
    var expectedInterims: UInt8 = 8

    /// Bytes that DATA has to bring yet, as `content-length` says (RFC 9113 §8.1.1); nil: as many as it likes.
    var contentLeft: Int?

    struct Flags: OptionSet {
        let rawValue: UInt16

        /// The peer's first header list was whole: the request, or the response's final head.
        static let hasHead = Flags(rawValue: 1)
        static let remoteEnded = Flags(rawValue: 2)
        static let localEnded = Flags(rawValue: 4)
        /// END_STREAM goes out behind what is pending.
        static let endsAfterPending = Flags(rawValue: 8)
        /// In the connection's line of streams that have something to send.
        static let isQueued = Flags(rawValue: 16)
        static let isUnwritable = Flags(rawValue: 32)
        /// Gone: nothing comes or goes any more.
        static let isClosed = Flags(rawValue: 64)
        /// An answer was begun, or the request is the own one.
        static let isAnswered = Flags(rawValue: 128)
        /// Reset by its user, who wants to hear nothing more of it.
        static let isForgotten = Flags(rawValue: 256)
        /// CONNECT: once it is agreed to, only DATA may follow (RFC 9113 §8.5).
        static let isConnect = Flags(rawValue: 512)
        static let isTunnel = Flags(rawValue: 1024)
        /// Its response has no content, whatever `content-length` says.
        static let isHead = Flags(rawValue: 2048)
    }

    init(id: HTTP2StreamID, sendWindow: Int) {
        self.id = id
        self.sendWindow = sendWindow
    }

    /// Whether more should be written now: false from 64 KiB on that can't be sent, until it is less than 16 KiB.
    public var isWritable: Bool { !flags.contains(.isUnwritable) }
    public var isClosed: Bool { flags.contains(.isClosed) }
    /// Whether END_STREAM came.
    public var remoteEnded: Bool { flags.contains(.remoteEnded) }
    /// Whether END_STREAM was sent, or will be as soon as what is pending has gone.
    public var localEnded: Bool { !flags.isDisjoint(with: [.localEnded, .endsAfterPending]) }
    /// Bytes that wait for a window or for the transport.
    public var pendingBytes: Int { pending?.readableBytes ?? 0 }
}

/// What a stream's user is told. Calls come from within the handling of the connection's events.
public protocol HTTP2StreamDelegate: AnyObject {
    /// An interim response (1xx) to the request that was sent on it.
    func stream(_ stream: HTTP2Stream, informed response: HTTPResponse)
    /// The final response to the request that was sent on it.
    func stream(_ stream: HTTP2Stream, received response: HTTPResponse)
    /// Some of the content, good for the call alone: whoever keeps it copies it. Its sender's window grows when
    /// `HTTP2Connection.consumed` is told of it.
    func stream(_ stream: HTTP2Stream, received bytes: ByteBuffer)
    /// END_STREAM came, behind everything else.
    ///
    /// - Parameter trailers: the fields that came with it; nil: none.
    func streamEnded(_ stream: HTTP2Stream, trailers: HTTPFields?)
    /// The stream is gone, by RST_STREAM or with its connection.
    func stream(_ stream: HTTP2Stream, closed reason: HTTP2StreamClosure)
    /// What had gathered has gone: more may be written.
    func streamIsWritable(_ stream: HTTP2Stream)
}

/// Why a stream is gone before both of its ends.
public enum HTTP2StreamClosure: Equatable, Sendable {
    /// The peer sent RST_STREAM.
    case reset(HTTP2ErrorCode)
    /// The peer broke a rule on this stream and was sent RST_STREAM.
    case violation(HTTP2ErrorCode)
    /// The peer's GOAWAY says that it never looked at this stream: it can be tried again elsewhere.
    case notProcessed
    /// The connection is gone.
    case connectionLost
}
