import GatewayPolicy
import HTTPTypes
import NIOHTTP1

/// HTTP/1.1 heads as the same values that HTTP/2 gives, with the checks that only HTTP/1.1 needs (RFC 9112 §3, §5, §6).
enum HTTP1Head {
    /// - Throws: `Refusal.badRequest` for what could be read in two ways.
    static func request(from head: HTTPRequestHead, scheme: String) throws(Refusal) -> HTTPRequest {
        let hosts = head.headers["host"].map(FieldBytes.trimmed)
        guard hosts.count <= 1 else { throw .badRequest("Host came \(hosts.count) times, expected once") }
        guard head.version == .http1_1 || head.version == .http1_0 else {
            throw .badRequest("HTTP version is \(head.version.major).\(head.version.minor), expected 1.1")
        }
        guard !hosts.isEmpty || head.version == .http1_0 else { throw .badRequest("Host is missing") }
        guard let method = HTTPRequest.Method(head.method.rawValue) else {
            throw .badRequest("method is not a token")
        }
        let host = hosts.first ?? ""
        guard AuthorityText.isValid(host) else {
            throw .badRequest("Host is not an authority, expected a host and an optional port")
        }
        try checkBodyLength(head)

        let (authority, path) = try target(head.uri, host: host)
        var request = HTTPRequest(method: method, scheme: scheme, authority: authority, path: path)
        for (name, value) in head.headers where name.lowercased() != "host" {
            // HTTP/1.0 can't switch protocols: there the field is to be ignored (RFC 9110 §7.8).
            if head.version == .http1_0, name.lowercased() == "upgrade" { continue }
            guard let name = HTTPField.Name(name) else { throw .badRequest("field name is not a token") }
            guard let field = FieldBytes.field(name, widened: value) else {
                throw .badRequest("value of \(name.rawName.prefix(64)) has a character that no field value may have")
            }
            request.headerFields.append(field)
        }
        return request
    }

    /// Where the body ends must be beyond doubt, or a proxy in front may take for a body what is read here as the next
    /// request (RFC 9112 §6.1, §6.3, §11.2).
    private static func checkBodyLength(_ head: HTTPRequestHead) throws(Refusal) {
        let codings = head.headers["transfer-encoding"].map(FieldBytes.trimmed)
        guard !codings.isEmpty else { return }
        guard head.version == .http1_1 else {
            throw .badRequest("Transfer-Encoding came with HTTP/1.0, expected HTTP/1.1 or Content-Length")
        }
        guard !head.headers.contains(name: "content-length") else {
            throw .badRequest("Content-Length came beside Transfer-Encoding, expected one of them")
        }
        // With seven bytes it is ASCII: other letters that become these in lower case are longer.
        guard codings.count == 1, codings[0].utf8.count == 7, codings[0].lowercased() == "chunked" else {
            throw .badRequest("Transfer-Encoding is not only chunked, expected no other coding")
        }
    }

    /// Whether content follows a request's head, which ``request(from:scheme:)`` has judged.
    ///
    /// - Throws: `Refusal.badRequest` for a length that is no number.
    static func content(of head: HTTPRequestHead) throws(Refusal) -> RequestContent {
        if head.headers.contains(name: "transfer-encoding") { return .open }
        let lengths = head.headers["content-length"].map(FieldBytes.trimmed)
        guard let first = lengths.first else { return .none(isTold: false) }
        guard lengths.count == 1, let length = decimal(first) else {
            throw .badRequest("Content-Length is not one number of bytes")
        }
        return length == 0 ? .none(isTold: true) : .length(length)
    }

    /// Digits alone, where `Int` takes a sign as well.
    static func decimal(_ text: String) -> Int? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(text)
    }

    /// Origin form, or absolute form for the same host (RFC 9112 §3.2).
    private static func target(_ uri: String, host: String) throws(Refusal) -> (authority: String, path: String) {
        guard uri.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") }) else {
            throw .badRequest("request target has a character that no target may have")
        }
        if uri.hasPrefix("/") { return (host, uri) }
        guard let colon = uri.firstIndex(of: ":"), uri[colon...].hasPrefix("://"),
            ["http", "https", "ws", "wss"].contains(uri[..<colon].lowercased())
        else { throw .badRequest("request target is neither a path nor an absolute URL") }
        let rest = uri[colon...].dropFirst(3)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end]
        guard AuthorityText.isSame(String(authority), host, scheme: String(uri[..<colon])) else {
            throw .badRequest("request target and Host name different hosts")
        }
        let path = rest[end...]
        return (host, path.hasPrefix("/") ? String(path) : "/" + path)
    }

    static func fields(from headers: HTTPHeaders) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in headers {
            guard let name = HTTPField.Name(name), let field = FieldBytes.field(name, widened: value) else { continue }
            fields.append(field)
        }
        return fields
    }

    /// nil: no status that could be passed on.
    static func response(from head: HTTPResponseHead) -> HTTPResponse? {
        let code = Int(head.status.code)
        guard (100...999).contains(code) else { return nil }
        return HTTPResponse(status: .init(code: code), headerFields: fields(from: head.headers))
    }
}

extension HTTP1Request {
    /// A request that NIO's parser has read.
    ///
    /// - Parameter maxSize: of the whole head, where the parser's limits are a line's.
    /// - Throws: `Refusal.headerTooLarge`, and `Refusal.badRequest` for what could be read in two ways.
    init(parsed head: HTTPRequestHead, scheme: String, maxSize: Int) throws(Refusal) {
        size = head.headers.reduce(head.uri.utf8.count) {
            $0 + $1.name.utf8.count + $1.value.unicodeScalars.count + 4
        }
        guard size <= maxSize else { throw Refusal.headerTooLarge }
        request = try HTTP1Head.request(from: head, scheme: scheme)
        content = try HTTP1Head.content(of: head)
        // What is asked for beside it is not given, and the parser expects that it is.
        keepsAlive = head.isKeepAlive && !head.headers.contains(name: "upgrade")
    }
}
