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
    static func request(from list: HPACKHeaders, maxSize: Int) throws(HTTP2RequestError) -> HTTPRequest {
        // As RFC 9113 §6.5.2 counts.
        let size = list.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
        guard size <= maxSize, list.count <= maxFields else { throw .headerListTooLarge }
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
                throw .malformed(":scheme and :path came with CONNECT, where only :protocol brings them (RFC 8441)")
            }
        } else {
            guard method == .connect || pseudo[":protocol"] == nil else {
                throw .malformed(":protocol came with \(method), expected CONNECT (RFC 8441)")
            }
            guard let scheme = pseudo[":scheme"], scheme == "http" || scheme == "https" else {
                throw .malformed(":scheme is missing, or neither http nor https")
            }
            guard let path = pseudo[":path"], isPath(path) || path == "*" && method == .options else {
                throw .malformed(":path is missing, or no path and query")
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
    static func response(from list: HPACKHeaders) throws(HTTP2RequestError) -> HTTPResponse {
        var status: String?
        let fields = try fields(of: list) { name, value in
            guard name == ":status", status == nil else { return false }
            status = value
            return true
        }
        guard let status, status.utf8.count == 3, let code = Int(status), (100...999).contains(code) else {
            throw .malformed(":status is \(status ?? "missing"), expected three digits")
        }
        guard code != 101 else { throw .malformed(":status is 101, which HTTP/2 does not have") }
        _ = try contentLength(in: fields)
        return HTTPResponse(status: .init(code: code), headerFields: fields)
    }

    /// Judges what may follow the content.
    ///
    /// - Throws: `HTTP2RequestError`.
    static func checkTrailers(_ list: HPACKHeaders) throws(HTTP2RequestError) {
        _ = try fields(of: list) { _, _ in false }
    }

    /// Bytes of content that the fields announce (RFC 9113 §8.1.1); nil: they don't say.
    ///
    /// - Throws: `HTTP2RequestError.malformed`.
    static func contentLength(in fields: HTTPFields) throws(HTTP2RequestError) -> Int? {
        var length: Int?
        for value in fields[values: .contentLength] {
            guard !value.isEmpty, value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let number = Int(value), length == nil || length == number
            else { throw .malformed("content-length is \"\(value)\", expected one number of bytes") }
            length = number
        }
        return length
    }

    /// The regular fields; pseudo-fields go to `pseudo`, which says whether it may be there.
    private static func fields(
        of list: HPACKHeaders, pseudo: (String, String) -> Bool
    ) throws(HTTP2RequestError) -> HTTPFields {
        guard list.count <= maxFields else { throw .headerListTooLarge }
        var fields = HTTPFields()
        for (name, value, _) in list {
            if name.utf8.first == UInt8(ascii: ":") {
                guard fields.isEmpty else { throw .malformed("a pseudo-field came behind other fields") }
                guard HTTPField.isValidValue(value), pseudo(name, value) else {
                    throw .malformed("a pseudo-field is unknown, came twice or has a value that it can't have")
                }
                continue
            }
            guard !name.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }),
                let fieldName = HTTPField.Name(name)
            else { throw .malformed("a field name is not a token in lower case") }
            guard HTTPField.isValidValue(value) else {
                throw .malformed("value of \(name) has a character that no field value may have")
            }
            guard !connectionSpecific.contains(name), name != "te" || value == "trailers" else {
                throw .malformed("\(name) is a field of HTTP/1.1 connections, which HTTP/2 does not have")
            }
            fields.append(HTTPField(name: fieldName, value: value))
        }
        return fields
    }

    /// RFC 9113 §8.2.2
    private static let connectionSpecific: Set<String> = [
        "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade",
    ]

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
        let crumbs = fields[values: .cookie]
        guard crumbs.count > 1 else { return }
        fields[values: .cookie] = [crumbs.joined(separator: "; ")]
    }

    static func list(for request: HTTPRequest) -> HPACKHeaders {
        var list = HPACKHeaders()
        list.add(name: ":method", value: request.method.rawValue)
        if let name = request.extendedConnectProtocol { list.add(name: ":protocol", value: name) }
        if let scheme = request.scheme { list.add(name: ":scheme", value: scheme) }
        // A path may carry a token, and seldom comes twice.
        if let path = request.path { list.add(name: ":path", value: path, indexing: .nonIndexable) }
        if let authority = request.authority { list.add(name: ":authority", value: authority) }
        add(request.headerFields, to: &list)
        return list
    }

    static func list(for response: HTTPResponse) -> HPACKHeaders {
        var list = HPACKHeaders()
        list.add(name: ":status", value: String(response.status.code))
        add(response.headerFields, to: &list)
        return list
    }

    private static func add(_ fields: HTTPFields, to list: inout HPACKHeaders) {
        for field in fields {
            let name = field.name.canonicalName
            list.add(name: name, value: field.value, indexing: indexing(of: name))
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
