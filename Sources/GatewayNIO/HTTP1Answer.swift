import GatewayConfig
import GatewayPolicy
import HTTPTypes
import NIOCore
import NIOHTTP1

/// A whole response of the gateway's own.
struct HTTP1Answer {
    var status: HTTPResponseStatus
    var headers: HTTPHeaders
    var body: String

    init(_ refusal: Refusal, requestID: String) {
        status = HTTPResponseStatus(statusCode: refusal.status)
        headers = HTTPHeaders([("Content-Type", "text/plain; charset=utf-8")])
        headers.add(contentsOf: HTTP1Head.headers(from: refusal.fields))
        body = refusal.body + "\n"
        close(requestID, upgrade: refusal.fields.contains(.upgrade))
    }

    init(_ response: FixedResponse, edits: HeaderEdits, requestID: String) {
        status = HTTPResponseStatus(statusCode: response.status)
        var fields = HTTPFields()
        for (name, value) in response.headers.sorted(by: { $0.key < $1.key }) {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        headers = HTTP1Head.headers(from: HeaderFilter.response(fields, edits: edits, isHandshake: false))
        body = response.body
        close(requestID)
    }

    init(redirectTo location: String, status: Int, requestID: String) {
        self.status = HTTPResponseStatus(statusCode: status)
        headers = HTTPHeaders([("Location", location), ("Content-Type", "text/plain; charset=utf-8")])
        body = "see \(location)\n"
        close(requestID)
    }

    private mutating func close(_ requestID: String, upgrade: Bool = false) {
        headers.replaceOrAdd(name: "X-Request-Id", value: requestID)
        headers.replaceOrAdd(name: "Content-Length", value: String(body.utf8.count))
        headers.replaceOrAdd(name: "Connection", value: upgrade ? "upgrade, close" : "close")
    }
}
