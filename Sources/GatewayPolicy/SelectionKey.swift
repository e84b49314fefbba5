public import GatewayConfig
public import HTTPTypes

/// What `hash` chooses a server by: equal for requests that go to one server, on every instance.
public enum SelectionKey {
    /// Of a request as the client sent it. One that lacks what `source` names, or has it empty, goes by its client's
    /// address.
    ///
    /// - Parameters:
    ///   - fields: without `Host`, for which `authority` stands.
    ///   - client: whose address counts (``ForwardedFields/clientAddress``).
    public static func make(
        _ source: UpstreamConfiguration.HashSource, target: RequestTarget, authority: String, fields: HTTPFields,
        client: ClientAddress
    ) -> UInt64 {
        let value: [UInt8] =
            switch source {
            case .ip: []
            case .path: Array(target.path.comparable.utf8)
            case .header("host"): Array(authority.utf8)
            case .header(let name): header(name, in: fields)
            case .query(let name):
                target.queryParameters().first { $0.name.elementsEqual(name.utf8) }?.value ?? []
            case .cookie(let name): Array((cookie(name, in: fields) ?? "").utf8)
            }
        var hash = StableHash()
        hash.add(value.isEmpty ? network(of: client) : value)
        return hash.value
    }

    /// A client may change its IPv6 address within its /64 from one connection to the next.
    private static func network(of client: ClientAddress) -> [UInt8] {
        let bytes = client.bytes
        return bytes.count == 16 ? Array(bytes.prefix(8)) : bytes
    }

    private static func header(_ name: String, in fields: HTTPFields) -> [UInt8] {
        guard let name = HTTPField.Name(name) else { return [] }
        return Array(fields[values: name].joined(separator: ", ").utf8)
    }

    /// The first of that name (RFC 6265 §4.2.1).
    static func cookie(_ name: String, in fields: HTTPFields) -> Substring? {
        for field in fields[values: .cookie] {
            for pair in field.utf8.split(separator: UInt8(ascii: ";")) {
                let pair = Substring(pair.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") })
                guard let equals = pair.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
                if pair[..<equals].hasSameBytes(as: name) { return pair[pair.utf8.index(after: equals)...] }
            }
        }
        return nil
    }
}
