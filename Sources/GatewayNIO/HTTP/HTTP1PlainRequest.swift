import GatewayPolicy
import HTTPTypes
import NIOCore

/// An HTTP/1.1 request as its connection sees it: the request itself, and what its head says of the connection.
struct HTTP1Request {
    var request: HTTPRequest
    var content: RequestContent
    /// The client speaks HTTP/1.0.
    var isOld = false
    /// As far as the client is concerned, the connection may carry another request behind it.
    var keepsAlive: Bool
    /// What `limits.max_header_size` counts, in bytes.
    var size: Int
}

extension HTTP1Request {
    /// Reads a whole head that is written plainly: ``HTTP1PlainFields``, behind a start line with a common method, a
    /// target in origin form and HTTP/1.1 (RFC 9112 §3).
    ///
    /// - Returns: nil: it is written otherwise, it has no host or no valid one, or its content has no length: NIO's
    ///   parser reads it, and whatever is wrong with it is refused for what that finds.
    init?(plain head: ByteBuffer, scheme: String) {
        let read = head.withUnsafeReadableBytes {
            bytes -> (line: StartLine, fields: HTTP1PlainFields)? in
            guard let line = StartLine(bytes),
                let fields = HTTP1PlainFields(UnsafeRawBufferPointer(rebasing: bytes[line.length...]))
            else { return nil }
            return (line, fields)
        }
        guard let (line, fields) = read, let host = fields.host, AuthorityText.isValid(host) else {
            return nil
        }
        request = HTTPRequest(
            method: line.method, scheme: scheme, authority: host, path: line.target,
            headerFields: fields.fields)
        content =
            switch fields.contentLength {
            case nil: .none(isTold: false)
            case 0: .none(isTold: true)
            case let length?: .length(length)
            }
        // Another protocol that is asked for beside it is not given, and nothing is known of what the client does then.
        keepsAlive = !fields.closes && !fields.hasUpgrade
        size = line.target.utf8.count + fields.size
    }

    /// `GET /chat HTTP/1.1`
    private struct StartLine {
        let method: HTTPRequest.Method
        let target: String
        /// With the line's end.
        let length: Int

        init?(_ bytes: UnsafeRawBufferPointer) {
            guard let (method, start) = Self.method(bytes), bytes[start] == UInt8(ascii: "/") else {
                return nil
            }
            self.method = method
            var end = start
            while end < bytes.count, Self.isTarget(bytes[end]) { end += 1 }
            let version: StaticString = " HTTP/1.1\r\n"
            guard HTTP1Octets.isPrefix(version, of: bytes, at: end) else { return nil }
            target = String(decoding: bytes[start..<end], as: UTF8.self)
            length = end + version.utf8CodeUnitCount
        }

        /// The method, and where the target begins, which is before the end of the bytes.
        private static func method(_ bytes: UnsafeRawBufferPointer) -> (HTTPRequest.Method, Int)? {
            guard bytes.count > 8 else { return nil }
            switch bytes[0] {
            case UInt8(ascii: "G"):
                return HTTP1Octets.isPrefix("GET ", of: bytes, at: 0) ? (.get, 4) : nil
            case UInt8(ascii: "H"):
                return HTTP1Octets.isPrefix("HEAD ", of: bytes, at: 0) ? (.head, 5) : nil
            case UInt8(ascii: "D"):
                return HTTP1Octets.isPrefix("DELETE ", of: bytes, at: 0) ? (.delete, 7) : nil
            case UInt8(ascii: "O"):
                return HTTP1Octets.isPrefix("OPTIONS ", of: bytes, at: 0) ? (.options, 8) : nil
            case UInt8(ascii: "P"):
                if HTTP1Octets.isPrefix("POST ", of: bytes, at: 0) { return (.post, 5) }
                if HTTP1Octets.isPrefix("PUT ", of: bytes, at: 0) { return (.put, 4) }
                return HTTP1Octets.isPrefix("PATCH ", of: bytes, at: 0) ? (.patch, 6) : nil
            default: return nil
            }
        }

        private static func isTarget(_ byte: UInt8) -> Bool {
            byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#")
        }
    }
}

extension HTTP1Octets {
    /// Whether these bytes stand there.
    @inline(__always)
    static func isPrefix(_ text: StaticString, of bytes: UnsafeRawBufferPointer, at start: Int)
        -> Bool
    {
        let count = text.utf8CodeUnitCount
        guard bytes.count - start >= count else { return false }
        for index in 0..<count where bytes[start + index] != text.utf8Start[index] { return false }
        return true
    }
}
