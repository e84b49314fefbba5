import GatewayConfig
import GatewayPolicy
import HTTPTypes
import NIOCore
import NIOHTTP1

/// A whole response of the gateway's own, for either HTTP version.
struct GatewayAnswer {
    var status: Int
    var fields: HTTPFields
    var body: ByteBuffer
    /// RFC 9110 §9.3.2: the length of the body is told, the body is not sent.
    var isForHead = false
    /// The HTTP/1.1 connection can't go on behind it.
    var closesConnection = false

    init(_ refusal: Refusal, requestID: String) {
        status = refusal.status
        closesConnection = refusal.closesConnection
        fields = [.contentType: "text/plain; charset=utf-8"]
        fields.append(contentsOf: refusal.fields)
        body = ByteBuffer(string: refusal.body + "\n")
        describe(requestID)
    }

    /// - Parameter body: the response's own; one for all who wait for it.
    init(_ response: FixedResponse, body: ByteBuffer, edits: HeaderEdits, requestID: String) {
        status = response.status
        var fields = HTTPFields()
        for (name, value) in response.headers.sorted(by: { $0.key < $1.key }) {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        self.fields = HeaderFilter.response(fields, edits: edits, isHandshake: false)
        self.body = body
        describe(requestID)
    }

    init(redirectTo location: String, status: Int, requestID: String) {
        self.status = status
        fields = [.location: location, .contentType: "text/plain; charset=utf-8"]
        body = ByteBuffer(string: "see \(location)\n")
        describe(requestID)
    }

    /// The whole response as HTTP/1.1 writes it (RFC 9112 §4), for a connection that ends with it.
    var bytesOfHTTP1: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeString("HTTP/1.1 \(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)\r\n")
        for field in fields { bytes.writeString("\(field.name): \(field.value)\r\n") }
        bytes.writeString("Connection: close\r\n\r\n")
        bytes.writeImmutableBuffer(body)
        return bytes
    }

    private mutating func describe(_ requestID: String) {
        fields[.xRequestID] = requestID
        fields[.contentLength] = String(body.readableBytes)
    }
}
