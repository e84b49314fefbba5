import HTTP2Core
import HTTPTypes
import NIOCore

/// One plain request on a stream of a shared HTTP/2 connection (RFC 9113 §8.1).
final class HTTP2UpstreamRequest: HTTP2UpstreamStream, RequestLeg {
    private(set) var hasSentContent = false
    override var asRequest: (any RequestLeg)? { self }

    init(request: PlainRequest, pool: HTTP2Pool, delegate: any UpstreamLegDelegate) {
        var fields = request.fields
        let length: Int? =
            switch request.content {
            case .none(let isTold): isTold ? 0 : nil
            case .length(let length): length
            case .open: nil
            }
        if let length { fields[.contentLength] = String(length) }
        let endsStream = if case .none = request.content { true } else { false }
        super.init(
            head: HTTPRequest(
                method: request.method, scheme: pool.transport.tls != nil ? "https" : "http", authority: request.host,
                path: request.path, headerFields: fields),
            endsStream: endsStream, isForWebSocket: false, timeout: nil, pool: pool, delegate: delegate)
    }

    override func began() { delegate?.legIsWritable(self) }

    override func streamIsWritable(_ stream: HTTP2Stream) {
        if !stream.localEnded { delegate?.legIsWritable(self) }
    }

    /// What is given to a stream that is closed goes nowhere, and holds nobody up.
    var isWritable: Bool {
        guard isUnderWay, let stream else { return false }
        return stream.isWritable || stream.isClosed
    }

    func send(_ bytes: ByteBuffer) {
        guard isUnderWay, let stream, bytes.readableBytes > 0 else { return }
        hasSentContent = true
        handler?.connection.write(bytes, on: stream)
    }

    func endContent(trailers: HTTPFields?) {
        guard isUnderWay, let stream else { return }
        handler?.connection.end(stream, trailers: trailers)
        handler?.scheduleFlush()
    }

    func flush() { handler?.scheduleFlush() }
}
