import HTTPTypes
import NIOCore

/// The head of a server's HTTP/1.1 response, and what it says of its content and of the connection.
struct HTTP1Response {
    var response: HTTPResponse
    var framing: HTTP1Framing
    /// The connection may carry another request behind it.
    var keepsAlive: Bool
    /// nil: the server does not say how long it keeps an idle connection, or not plainly.
    var idleLimit: TimeAmount?
}

extension HTTP1Response {
    /// Reads a whole head that is written plainly: ``HTTP1PlainFields``, behind a status line of HTTP/1.1 (RFC 9112 §4),
    /// with a content of a known length, or none.
    ///
    /// - Returns: nil: it is written otherwise, is an interim response, or its content has no length: NIO's parser reads
    ///   it.
    init?(plain head: ByteBuffer, to method: HTTPRequest.Method) {
        let read = head.withUnsafeReadableBytes { bytes -> (status: Int, fields: HTTP1PlainFields)? in
            guard let (status, length) = Self.statusLine(bytes),
                let fields = HTTP1PlainFields(UnsafeRawBufferPointer(rebasing: bytes[length...]))
            else { return nil }
            return (status, fields)
        }
        guard let (status, fields) = read, fields.hostCount == 0 else { return nil }
        response = HTTPResponse(status: .init(code: status), headerFields: fields.fields)
        if status == 101 {
            // Whatever else a 101 says of its content can be read in two ways.
            guard fields.contentLength == nil else { return nil }
            framing = .none
        } else if method == .head || status == 204 || status == 304 {
            framing = .none
        } else {
            guard let length = fields.contentLength else { return nil }
            framing = length == 0 ? .none : .length(length)
        }
        // A protocol that a server offers beside its response changes nothing (RFC 9110 §7.8).
        keepsAlive = !fields.closes
        idleLimit = HTTP1Head.idleLimit(in: fields.fields)
    }

    /// The status, 101 or 200 to 599, and the length of its line.
    private static func statusLine(_ bytes: UnsafeRawBufferPointer) -> (status: Int, length: Int)? {
        guard HTTP1Octets.isPrefix("HTTP/1.1 ", of: bytes, at: 0), bytes.count > 14,
            let status = HTTP1Octets.decimal(UnsafeRawBufferPointer(rebasing: bytes[9..<12])),
            status == 101 || (200...599).contains(status), bytes[12] == UInt8(ascii: " ")
        else { return nil }
        var end = 13
        while end < bytes.count, HTTP1Octets.isText(bytes[end]) { end += 1 }
        return HTTP1Octets.isPrefix("\r\n", of: bytes, at: end) ? (status, end + 2) : nil
    }
}
