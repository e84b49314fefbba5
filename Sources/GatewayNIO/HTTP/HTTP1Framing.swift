import GatewayPolicy
import HTTPTypes
import NIOCore
import NIOHTTP1

// How messages are framed that go to servers and come from them (RFC 9112 §6). What a message says of its framing on one
// side is never passed on: each side has what is decided here.
extension HTTP1Head {
    /// A response's framing that can be read in two ways, or in none.
    struct BadFraming: Error, Equatable {
        let text: String
    }

    /// Where the content of a response to a request with this method ends (RFC 9112 §6.3).
    static func framing(
        of head: HTTPResponseHead, to method: HTTPRequest.Method
    ) throws(BadFraming) -> HTTP1Framing {
        let codings = head.headers["transfer-encoding"].map(FieldBytes.trimmed)
        let lengths = head.headers["content-length"].map(FieldBytes.trimmed)
        guard codings.isEmpty || lengths.isEmpty else {
            throw BadFraming(text: "Content-Length came beside Transfer-Encoding, expected one of them")
        }
        guard Set(lengths).count <= 1 else { throw BadFraming(text: "Content-Length came with different values") }
        var length: Int?
        if let text = lengths.first {
            guard let number = decimal(text) else { throw BadFraming(text: "Content-Length is not a number of bytes") }
            length = number
        }
        guard method != .head, head.status != .noContent, head.status != .notModified else { return .none }
        if !codings.isEmpty {
            guard codings.count == 1, codings[0].utf8.count == 7, codings[0].lowercased() == "chunked" else {
                throw BadFraming(text: "Transfer-Encoding is not only chunked")
            }
            guard head.version == .http1_1 else {
                throw BadFraming(text: "Transfer-Encoding came with HTTP/1.0")
            }
            return .chunked
        }
        guard let length else { return .untilEnd }
        return length == 0 ? .none : .length(length)
    }

    /// The head of a request to a server, `Host` first (RFC 9110 §7.2).
    ///
    /// - Parameter keepsAlive: whether the connection may carry another request behind it.
    static func bytes(of request: PlainRequest, keepsAlive: Bool) -> ByteBuffer {
        var head = HTTP1HeadWriter(method: request.method, path: request.path)
        head.add("Host", request.host)
        head.add(request.fields)
        switch request.content {
        case .none(let isTold):
            // Servers may expect it of methods that mostly have content (RFC 9110 §8.6).
            if isTold || request.method == .post || request.method == .put || request.method == .patch {
                head.add("Content-Length", "0")
            }
        case .length(let length):
            head.add("Content-Length", String(length))
        case .open:
            head.add("Transfer-Encoding", "chunked")
        }
        switch (request.fields.contains(.te), keepsAlive) {
        case (true, true): head.add("Connection", "TE")
        case (true, false): head.add("Connection", "TE, close")
        case (false, false): head.add("Connection", "close")
        case (false, true): break
        }
        return head.end()
    }

    /// How long a server keeps an idle connection, by its `Keep-Alive` (RFC 2068 §19.7.1), less a second for what is on its
    /// way; nil: it does not say.
    static func idleLimit(in fields: HTTPFields) -> TimeAmount? {
        guard fields.contains(.keepAlive) else { return nil }
        for value in fields[values: .keepAlive] {
            for parameter in value.split(separator: ",") {
                let parts = parameter.split(separator: "=", maxSplits: 1).map { FieldBytes.trimmed(String($0)) }
                guard parts.count == 2, parts[0].lowercased() == "timeout", let seconds = decimal(parts[1]) else {
                    continue
                }
                return .seconds(Int64(clamping: max(0, min(seconds, 86_400) - 1)))
            }
        }
        return nil
    }

    /// How a message begins, for the log.
    static func shown(_ beginning: [UInt8]) -> String {
        let shown = beginning.map { byte in
            (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\\")
                ? String(UnicodeScalar(byte)) : "\\x" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16)
        }
        return "it begins with \"\(shown.joined())\", expected \"HTTP/1.1 \""
    }
}

extension HTTPField.Name {
    static let te = HTTPField.Name("TE") ?? .via
    fileprivate static let keepAlive = HTTPField.Name("Keep-Alive") ?? .via
}
