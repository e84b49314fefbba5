import HTTPTypes
import NIOCore
import NIOHTTP1

/// Writes a head of an HTTP/1.1 message (RFC 9112 §2.1) in one piece. Values of fields are written as the bytes that they
/// are, be they UTF-8 or not (RFC 9110 §5.5).
struct HTTP1HeadWriter {
    private var bytes: ByteBuffer

    /// Begins with a status line.
    ///
    /// - Parameter reason: nil: the usual phrase of the status.
    init(status: Int, reason: String? = nil, reserving size: Int = 512) {
        bytes = ByteBufferAllocator().buffer(capacity: size)
        if reason == nil, let line = Self.usualLine(status) {
            bytes.writeStaticString(line)
            return
        }
        let phrase = reason ?? HTTPResponseStatus(statusCode: status).reasonPhrase
        bytes.writeString("HTTP/1.1 \(status) \(phrase)\r\n")
    }

    /// Begins with a request line.
    init(method: HTTPRequest.Method, path: String, reserving size: Int = 512) {
        bytes = ByteBufferAllocator().buffer(capacity: size)
        bytes.writeString(method.rawValue)
        bytes.writeStaticString(" ")
        bytes.writeString(path)
        bytes.writeStaticString(" HTTP/1.1\r\n")
    }

    private static func usualLine(_ status: Int) -> StaticString? {
        switch status {
        case 101: "HTTP/1.1 101 Switching Protocols\r\n"
        case 200: "HTTP/1.1 200 OK\r\n"
        case 204: "HTTP/1.1 204 No Content\r\n"
        case 304: "HTTP/1.1 304 Not Modified\r\n"
        default: nil
        }
    }

    /// - Parameter value: without line ends: whoever calls has seen to that.
    mutating func add(_ name: StaticString, _ value: String) {
        bytes.writeStaticString(name)
        bytes.writeStaticString(": ")
        bytes.writeString(value)
        bytes.writeStaticString("\r\n")
    }

    mutating func add(_ fields: HTTPFields) {
        for field in fields { add(field) }
    }

    mutating func add(_ field: HTTPField) {
        var name = field.name.rawName
        name.withUTF8 { name in
            field.withUnsafeBytesOfValue { value in
                let count = name.count + value.count + 4
                _ = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { line in
                    line.copyBytes(from: name)
                    line[name.count] = UInt8(ascii: ":")
                    line[name.count + 1] = UInt8(ascii: " ")
                    UnsafeMutableRawBufferPointer(rebasing: line[(name.count + 2)...]).copyBytes(from: value)
                    line[count - 2] = UInt8(ascii: "\r")
                    line[count - 1] = UInt8(ascii: "\n")
                    return count
                }
            }
        }
    }

    /// The whole head, with the empty line behind it.
    consuming func end() -> ByteBuffer {
        bytes.writeStaticString("\r\n")
        return bytes
    }
}

/// Writes content in chunks (RFC 9112 §7.1).
enum HTTP1Chunks {
    /// The line before a chunk of this size, which is above zero: no data is no chunk, but would be the end.
    static func line(size: Int) -> ByteBuffer { ByteBuffer(string: "\(String(size, radix: 16))\r\n") }

    /// What stands behind the data of a chunk.
    static let end = ByteBuffer(staticString: "\r\n")

    /// What stands behind the last chunk: the trailer section, and the empty line.
    static func last(trailers: HTTPFields?) -> ByteBuffer {
        var bytes = ByteBuffer(staticString: "0\r\n")
        for field in trailers ?? [:] {
            bytes.writeString(field.name.rawName)
            bytes.writeStaticString(": ")
            field.withUnsafeBytesOfValue { _ = bytes.writeBytes($0) }
            bytes.writeStaticString("\r\n")
        }
        bytes.writeStaticString("\r\n")
        return bytes
    }
}
