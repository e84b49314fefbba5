import GatewayConfig
import GatewayPolicy
import HTTPTypes

/// A whole response of the gateway's own, for either HTTP version.
struct GatewayAnswer {
    var status: Int
    var fields: HTTPFields
    var body: String
    /// RFC 9110 §9.3.2: the length of the body is told, the body is not sent.
    var isForHead = false

    init(_ refusal: Refusal, requestID: String) {
        status = refusal.status
        fields = [.contentType: "text/plain; charset=utf-8"]
        fields.append(contentsOf: refusal.fields)
        body = refusal.body + "\n"
        describe(requestID)
    }

    init(_ response: FixedResponse, edits: HeaderEdits, requestID: String) {
        status = response.status
        var fields = HTTPFields()
        for (name, value) in response.headers.sorted(by: { $0.key < $1.key }) {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        self.fields = HeaderFilter.response(fields, edits: edits, isHandshake: false)
        body = response.body
        describe(requestID)
    }

    init(redirectTo location: String, status: Int, requestID: String) {
        self.status = status
        fields = [.location: location, .contentType: "text/plain; charset=utf-8"]
        body = "see \(location)\n"
        describe(requestID)
    }

    private mutating func describe(_ requestID: String) {
        fields[.xRequestID] = requestID
        fields[.contentLength] = String(body.utf8.count)
    }
}
