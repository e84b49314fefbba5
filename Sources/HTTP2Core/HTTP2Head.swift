import HTTPTypes
import NIOHPACK

/// A request that can't be served as it came.
public enum HTTP2RequestError: Error, Equatable, Sendable {
    /// Larger than the announced SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 §10.5.1).
    case headerListTooLarge
    /// Breaks RFC 9113 §8; one line: what was expected and what arrived.
    case malformed(String)
}

/// Header lists as messages and back (RFC 9113 §8.2, §8.3).
enum HTTP2Head {
    /// Fields of one list: far more than anybody needs, and far fewer than `HTTPFields` can hold.
    static let maxFields = 1000

    /// - Throws: `HTTP2RequestError` for a list that is too large or no valid request.
    static func request(from list: HeaderList, maxSize: Int) throws(HTTP2RequestError) -> HTTPRequest {
        guard list.size <= maxSize, list.count <= maxFields else { throw .headerListTooLarge }
        var pseudo: [String: String] = [:]
        let fields = try fields(of: list) { name, value in
            guard [":method", ":scheme", ":path", ":authority", ":protocol"].contains(name) else { return false }
            return pseudo.updateValue(value, forKey: name) == nil
        }
        guard let name = pseudo[":method"] else { throw .malformed(":method is missing") }
        guard let method = HTTPRequest.Method(name) else { throw .malformed(":method is not a token") }
        let authority = try self.authority(pseudo[":authority"], fields)
        let isPlainConnect = method == .connect && pseudo[":protocol"] == nil
        if isPlainConnect {
            guard pseudo[":scheme"] == nil, pseudo[":path"] == nil else {
                throw .malformed(":scheme and :path came with CONNECT, which has them only with :protocol (RFC 8441)")
            }
        } else {
            guard method == .connect || pseudo[":protocol"] == nil else {
                throw .malformed(":protocol came with \(method.rawValue.prefix(16)), expected CONNECT (RFC 8441)")
            }
            guard let scheme = pseudo[":scheme"], scheme == "http" || scheme == "https" else {
                throw .malformed(":scheme is missing, or neither http nor https")
            }
            guard let path = pseudo[":path"], isPath(path) || path == "*" && method == .options else {
                throw .malformed(":path is missing, or is not a path and query")
            }
        }
        var request = HTTPRequest(
            method: method, scheme: pseudo[":scheme"], authority: authority, path: pseudo[":path"],
            headerFields: fields)
        // Another spelling stays beside :authority: whether both are one is a matter of default ports, and of who is
        // served.
        if fields[.host]?.lowercased() == authority.lowercased() { request.headerFields[.host] = nil }
        request.extendedConnectProtocol = pseudo[":protocol"]
        joinCookies(&request.headerFields)
        _ = try contentLength(in: fields)
        return request
    }

    /// - Throws: `HTTP2RequestError` for what is too large or no valid response.
    static func response(from list: HeaderList) throws(HTTP2RequestError) -> HTTPResponse {
        var status: String?
        let fields = try fields(of: list) { name, value in
            guard name == ":status", status == nil else { return false }
            status = value
            return true
        }
        guard let status, status.utf8.count == 3, let code = Int(status), (100...999).contains(code) else {
            throw .malformed(
                ":status is \(status == nil ? "missing" : "not a number from 100 to 999"), expected three digits")
        }
        guard code != 101 else { throw .malformed(":status is 101, which HTTP/2 does not have") }
        _ = try contentLength(in: fields)
        return HTTPResponse(status: .init(code: code), headerFields: fields)
    }

    /// What followed the content (RFC 9113 §8.1): no pseudo-fields.
    ///
    /// - Throws: `HTTP2RequestError`.
    static func trailers(from list: HeaderList, maxSize: Int) throws(HTTP2RequestError) -> HTTPFields {
        guard list.size <= maxSize else { throw .headerListTooLarge }
        return try fields(of: list) { _, _ in false }
    }

    /// Bytes of content that the fields announce (RFC 9113 §8.1.1); nil: they don't say.
    ///
    /// - Throws: `HTTP2RequestError.malformed`.
    static func contentLength(in fields: HTTPFields) throws(HTTP2RequestError) -> Int? {
        var length: Int?
        for value in fields[values: .contentLength] {
            guard !value.isEmpty, value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let number = Int(value), length == nil || length == number
            else {
                throw .malformed("content-length is not one number of bytes")
            }
            length = number
        }
        return length
    }

    /// The regular fields; pseudo-fields go to `pseudo`, which says whether it may be there.
    private static func fields(
        of list: HeaderList, pseudo: (String, String) -> Bool
    ) throws(HTTP2RequestError) -> HTTPFields {
        guard list.count <= maxFields else { throw .headerListTooLarge }
        var fields = HTTPFields()
        try list.forEach { name, value throws(HTTP2RequestError) in
            if name.first == UInt8(ascii: ":") {
                guard fields.isEmpty else { throw .malformed("a pseudo-field came after other fields") }
                guard HTTPField.isValidValue(value), let text = String(validating: value, as: UTF8.self),
                    pseudo(String(decoding: name, as: UTF8.self), text)
                else { throw .malformed("a pseudo-field is unknown, came twice or has a value that it can't have") }
                return
            }
            guard !name.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }),
                let fieldName = HTTPField.Name(String(decoding: name, as: UTF8.self))
            else { throw .malformed("a field name is not a token in lower case") }
            let field = try field(fieldName, value)
            fields.append(field)
        }
        return fields
    }

    /// A regular field. Its value stays the bytes that it is (RFC 9110 §5.5); SP or HTAB around it, which HTTP/1.1 takes
    /// off, is malformed here (RFC 9113 §8.2.1).
    private static func field(
        _ name: HTTPField.Name, _ value: UnsafeBufferPointer<UInt8>
    ) throws(HTTP2RequestError) -> HTTPField {
        guard HTTPField.isValidValue(value) else {
            throw .malformed("value of \(name.canonicalName.prefix(64)) has a character that no field value may have")
        }
        let field = HTTPField(name: name, value: value)
        guard !isConnectionSpecific(name.canonicalName) else {
            throw .malformed("\(name) is a field of HTTP/1.1 connections, which HTTP/2 does not have")
        }
        switch name.canonicalName {
        case "te":
            guard field.value == "trailers" else {
                throw .malformed("te has another value than trailers, the only one of HTTP/2")
            }
        case "host":
            // It stands for `:authority`, which is text.
            guard String(validating: value, as: UTF8.self) != nil else { throw .malformed("host is not UTF-8") }
        default: break
        }
        return field
    }

    /// Fields that no message may have in HTTP/2 (RFC 9113 §8.2.2).
    private static func isConnectionSpecific(_ name: String) -> Bool {
        switch name {
        case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade": true
        default: false
        }
    }

    private static func authority(
        _ authority: String?, _ fields: HTTPFields
    ) throws(HTTP2RequestError) -> String {
        let hosts = fields[values: .host]
        guard hosts.count <= 1 else { throw .malformed("host came \(hosts.count) times, expected once") }
        guard let authority = authority ?? hosts.first, !authority.isEmpty else {
            throw .malformed(":authority is missing or empty")
        }
        return authority
    }

    private static func isPath(_ path: String) -> Bool {
        path.hasPrefix("/") && path.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") }
    }

    /// Cookies may come as several fields, to be compressed better; whoever is behind expects one (RFC 9113 §8.2.3).
    private static func joinCookies(_ fields: inout HTTPFields) {
        let crumbs = fields[fields: .cookie]
        guard crumbs.count > 1 else { return }
        var joined: [UInt8] = []
        for crumb in crumbs {
            if !joined.isEmpty { joined += "; ".utf8 }
            crumb.withUnsafeBytesOfValue { joined += $0 }
        }
        fields[fields: .cookie] = [HTTPField(name: .cookie, value: joined)]
    }

    /// A request's fields, to be sent.
    static func headers(of request: HTTPRequest) -> OutgoingHeaders {
        var list = OutgoingHeaders()
        list.add(name: ":method", value: request.method.rawValue)
        if let name = request.extendedConnectProtocol { list.add(name: ":protocol", value: name) }
        if let scheme = request.scheme { list.add(name: ":scheme", value: scheme) }
        // A path may carry a token, and seldom comes twice.
        if let path = request.path { list.add(name: ":path", value: path, indexing: .nonIndexable) }
        if let authority = request.authority { list.add(name: ":authority", value: authority) }
        add(request.headerFields, to: &list)
        return list
    }

    /// A response's fields, to be sent.
    static func headers(of response: HTTPResponse) -> OutgoingHeaders {
        var list = OutgoingHeaders()
        list.add(name: ":status", value: String(response.status.code))
        add(response.headerFields, to: &list)
        return list
    }

    /// What follows the content, to be sent.
    static func headers(ofTrailers fields: HTTPFields) -> OutgoingHeaders {
        var list = OutgoingHeaders()
        add(fields, to: &list)
        return list
    }

    /// Fields of HTTP/1.1 connections stay behind.
    private static func add(_ fields: HTTPFields, to list: inout OutgoingHeaders) {
        for field in fields {
            let name = field.name.canonicalName
            if isConnectionSpecific(name) { continue }
            let indexing = indexing(of: name)
            field.withUnsafeBytesOfValue { value in
                if let text = String(validating: value, as: UTF8.self) {
                    list.add(name: name, value: text, indexing: indexing)
                } else {
                    list.add(name: name, bytes: Array(value), indexing: indexing)
                }
            }
        }
    }

    /// Secrets of one client never go into a table that others' requests are compressed with (RFC 7541 §7.1.3), and
    /// what differs each time would only push others out.
    private static func indexing(of name: String) -> HPACKIndexing {
        switch name {
        case "authorization", "cookie", "set-cookie", "proxy-authorization": .neverIndexed
        case "sec-websocket-protocol", "location", "x-request-id", "x-forwarded-for", "forwarded", "content-length":
            .nonIndexable
        default: .indexable
        }
    }
}

extension HTTPField.Name {
    fileprivate static let host = HTTPField.Name("host") ?? .via
}
