import HTTPTypes
import NIOCore

/// One plain request on an HTTP/1.1 connection to a server. The connection forgets it when the response is whole: whoever
/// holds it longer can do no harm to the next request.
final class HTTP1UpstreamRequest: RequestLeg {
    let version = LegVersion.http1
    var asRequest: (any RequestLeg)? { self }
    let request: PlainRequest
    private(set) var isReused = false
    private(set) var hasSentContent = false
    var hasAnswerBegun = false
    /// Kept until the end: it has nobody else when its client is gone.
    private(set) var delegate: (any UpstreamLegDelegate)?
    private weak var connection: HTTP1UpstreamConnection?

    init(request: PlainRequest, delegate: any UpstreamLegDelegate) {
        self.request = request
        self.delegate = delegate
    }

    func begin(on connection: HTTP1UpstreamConnection, isReused: Bool) {
        self.connection = connection
        self.isReused = isReused
    }

    /// Nothing more is told, and nothing more is asked of the connection.
    func detach() -> (any UpstreamLegDelegate)? {
        connection = nil
        return delegate.take()
    }

    var isWritable: Bool { connection?.isWritable ?? false }

    func send(_ bytes: ByteBuffer) {
        hasSentContent = true
        connection?.send(bytes)
    }

    func endContent(trailers: HTTPFields?) { connection?.endContent(trailers: trailers) }
    func flush() { connection?.flush() }
    func setMayRead(_ mayRead: Bool) { connection?.setMayRead(mayRead) }

    func giveUp() {
        delegate = nil
        connection?.giveUp()
        connection = nil
    }
}
