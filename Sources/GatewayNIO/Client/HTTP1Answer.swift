import HTTPTypes
import NIOCore
import NIOHTTP1

/// A response of the gateway's own as HTTP/1.1 has it: the connection ends with it.
struct HTTP1Answer {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    /// nil: none is sent.
    var body: ByteBuffer?

    init(_ answer: GatewayAnswer) {
        status = HTTPResponseStatus(statusCode: answer.status)
        headers = HTTP1Head.lastHeaders(from: answer.fields)
        body = answer.isForHead ? nil : answer.body
    }
}
