import Crypto
public import GatewayConfig
public import HTTPTypes

/// The cookie by which clients come back to the server they had (RFC 6265), of one upstream.
///
/// Its value is an HMAC-SHA256 of the server's address under the upstream's secret, so that it names the server to every
/// instance with this configuration, before and after restarts, and to nobody else.
public struct StickyCookie: Sendable {
    private let configuration: StickyConfiguration
    private let values: [Address: String]
    private let servers: [String: Address]

    /// nil: the upstream has none.
    public init?(_ upstream: UpstreamConfiguration) {
        self.init(upstream, servers: upstream.servers.map(\.address))
    }

    /// - Parameter addresses: of the servers that clients may come back to: those configured, or that their names stand
    ///   for.
    public init?(_ upstream: UpstreamConfiguration, servers addresses: [Address]) {
        guard let configuration = upstream.sticky else { return nil }
        self.configuration = configuration
        let key = SymmetricKey(data: Array((configuration.secret ?? "sluice sticky \(upstream.name)").utf8))
        var values: [Address: String] = [:]
        var servers: [String: Address] = [:]
        for address in addresses {
            let code = HMAC<SHA256>.authenticationCode(
                for: Array("\(upstream.name)\n\(address)".utf8), using: key)
            let value = Self.base64URL(Array(code.prefix(18)))
            values[address] = value
            servers[value] = address
        }
        self.values = values
        self.servers = servers
    }

    /// The server that a request's cookie names; nil: it has none, or one of a server that is gone.
    public func server(in fields: HTTPFields) -> Address? {
        SelectionKey.cookie(configuration.cookie, in: fields).flatMap { servers[String($0)] }
    }

    /// `Set-Cookie` of a handshake that led to `server`; nil: the client has what it needs.
    ///
    /// - Parameters:
    ///   - known: what ``server(in:)`` found. A cookie that expires is renewed all the same.
    ///   - isTLS: whether the client's connection is.
    public func field(for server: Address, known: Address?, isTLS: Bool) -> HTTPField? {
        guard server != known || configuration.maxAge != nil, let value = values[server] else { return nil }
        var text = "\(configuration.cookie)=\(value); Path=\(configuration.path)"
        if let domain = configuration.domain { text += "; Domain=\(domain)" }
        if let maxAge = configuration.maxAge { text += "; Max-Age=\(max(1, maxAge.components.seconds))" }
        if configuration.secure ?? (isTLS || configuration.sameSite == .anySite) {
            text += "; Secure"
        }
        if configuration.httpOnly { text += "; HttpOnly" }
        switch configuration.sameSite {
        case .strict: text += "; SameSite=Strict"
        case .lax: text += "; SameSite=Lax"
        case .anySite: text += "; SameSite=None"
        case nil: break
        }
        return HTTPField(name: .setCookie, value: text)
    }

    /// RFC 4648 §5; without padding, as there is none for a multiple of three bytes.
    private static func base64URL(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count - bytes.count % 3, by: 3) {
            let bits = bytes[start..<start + 3].reduce(0) { $0 << 8 | Int($1) }
            for shift in [18, 12, 6, 0] { text.append(digits[bits >> shift & 63]) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
