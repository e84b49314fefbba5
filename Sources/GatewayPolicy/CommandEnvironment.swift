public import GatewayConfig
public import HTTPTypes

/// The variables that a command finds in its environment: those of CGI (RFC 3875 §4.1), `REQUEST_URI` and `HTTPS`, which
/// servers add by custom, and a few of the gateway's own that programs need to run at all. Nothing else of the gateway's
/// environment is in it: there may be secrets.
public struct CommandEnvironment: Sendable {
    /// What the gateway's environment has to give.
    public static let inherited = ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ"]

    /// As a server would see the request: field by field, without those of the handshake and of one connection alone.
    public var fields: HTTPFields
    public var target: RequestTarget
    /// The condition of the route that the path has met.
    public var matched: RouteMatchConfiguration.Path?
    /// What the client asked for as `Host` or `:authority`; empty: nothing.
    public var authority: String
    public var client: ClientAddress
    /// 0: not known, or a unix socket.
    public var port: UInt16
    /// Whether the client is on TLS.
    public var isSecure: Bool
    /// `1.1` or `2.0`.
    public var version: String
    /// What was agreed on.
    public var subprotocol: String?
    /// The gateway's name and version.
    public var software: String

    public init(
        fields: HTTPFields, target: RequestTarget, matched: RouteMatchConfiguration.Path? = nil, authority: String,
        client: ClientAddress, port: UInt16 = 0, isSecure: Bool = false, version: String = "1.1",
        subprotocol: String? = nil, software: String
    ) {
        self.fields = fields
        self.target = target
        self.matched = matched
        self.authority = authority
        self.client = client
        self.port = port
        self.isSecure = isSecure
        self.version = version
        self.subprotocol = subprotocol
        self.software = software
    }

    /// Each variable as `NAME=value`, none of them twice, sorted by name.
    ///
    /// - Parameters:
    ///   - own: the gateway's environment.
    ///   - configured: those of the configuration, which go before all others.
    public func variables(own: [String: String], configured: [String: String]) -> [[UInt8]] {
        var variables = fieldVariables
        for (name, value) in meta { variables[name] = value }
        for name in Self.inherited { variables[name] = own[name].map { Array($0.utf8) } }
        if variables["PATH"] == nil { variables["PATH"] = Array(CommandConfiguration.usualPath.utf8) }
        for (name, value) in configured { variables[name] = Array(value.utf8) }
        return variables.sorted { $0.key < $1.key }.compactMap { name, value in
            value.contains(0) ? nil : Array("\(name)=".utf8) + value
        }
    }

    private var meta: [String: [UInt8]] {
        let host = Authority(authority) ?? .none
        let (script, rest) = path
        var meta: [String: String] = [
            "GATEWAY_INTERFACE": "CGI/1.1",
            "QUERY_STRING": target.query.map(String.init) ?? "",
            "REMOTE_ADDR": client == .unix ? "" : "\(client)",
            "REMOTE_HOST": client == .unix ? "" : "\(client)",
            // Of a WebSocket over HTTP/2 it is CONNECT (RFC 8441 §4); no command has to know.
            "REQUEST_METHOD": "GET",
            "REQUEST_URI": target.text,
            "SERVER_NAME": host.host,
            "SERVER_PORT": "\(port != 0 ? port : host.port ?? (isSecure ? 443 : 80))",
            "SERVER_PROTOCOL": "HTTP/\(version)",
            "SERVER_SOFTWARE": software,
        ]
        if !authority.isEmpty { meta["HTTP_HOST"] = authority }
        if isSecure { meta["HTTPS"] = "on" }
        if let subprotocol { meta["HTTP_SEC_WEBSOCKET_PROTOCOL"] = subprotocol }
        var bytes = meta.mapValues { Array($0.utf8) }
        bytes["SCRIPT_NAME"] = script
        bytes["PATH_INFO"] = rest
        return bytes
    }

    /// What the route's condition names is the script, and what is below it the path that is the script's own to read.
    private var path: (script: [UInt8], rest: [UInt8]) {
        let path = target.path.comparable
        switch matched {
        case .exact(let text):
            return (Self.decoded(text), [])
        case .prefix(let text):
            let script = text.hasSuffix("/") ? String(text.dropLast()) : text
            guard path.hasPrefix(script) else { return ([], Self.decoded(path)) }
            return (Self.decoded(script), Self.decoded(String(path.dropFirst(script.count))))
        case .regex, nil:
            return ([], Self.decoded(path))
        }
    }

    /// An encoded slash stays as it is: decoded, it would divide what it does not divide for the routes.
    private static func decoded(_ path: String) -> [UInt8] {
        var decoded: [UInt8] = []
        let bytes = Array(path.utf8)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let byte = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16),
                byte != UInt8(ascii: "/"), byte != UInt8(ascii: "\\"), byte != 0
            {
                decoded.append(byte)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return decoded
    }

    /// Not in the environment: what carries credentials for the gateway (RFC 3875 §4.1.18), what another variable tells,
    /// and `Proxy`, as clients of HTTP take `HTTP_PROXY` for their own setting.
    private static let withheld: Set<String> = [
        "authorization", "proxy-authorization", "proxy", "content-length", "content-type", "host",
    ]

    private var fieldVariables: [String: [UInt8]] {
        var variables: [String: [UInt8]] = [:]
        for field in fields {
            let name = field.name.canonicalName
            // Two names that become one variable can't both be believed.
            guard !Self.withheld.contains(name), !FieldNames.isFoldable(field.name) else { continue }
            let variable = "HTTP_" + name.uppercased().replacing("-", with: "_")
            let value = field.withUnsafeBytesOfValue { Array($0) }
            if let known = variables[variable] {
                variables[variable] = known + Array((name == "cookie" ? "; " : ", ").utf8) + value
            } else {
                variables[variable] = value
            }
        }
        return variables
    }
}
