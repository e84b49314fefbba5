import GatewayConfig
import GatewayPolicy
import GatewayTLS
import HTTPTypes

/// What the log says of a request, however it ends.
struct LoggedRequest {
    let head: HTTPRequest
    let listener: ListenerConfiguration
    /// Whoever is at the other end of the connection.
    let peer: ClientAddress

    /// Of each text that the client chose, in characters: a line stays short, whatever the request has.
    private static let longest = 1024

    /// As the gateway sees it: the one that a trusted proxy names, or the peer.
    private var client: ClientAddress {
        ForwardedFields(
            peer: peer, host: head.authority ?? "", isTLS: listener.tls != nil, fields: head.headerFields,
            trusted: listener.trustedProxies
        ).clientAddress
    }

    /// - Parameters:
    ///   - client: nil: it is not known yet.
    ///   - protection: of the connection; nil: it is in the clear.
    ///   - hasFields: false: no values of header fields. A request that is refused may have a secret anywhere.
    func write(
        to line: inout LogLine, client: ClientAddress? = nil, protection: TLSProtection?, hasFields: Bool = true,
        query: Bool
    ) {
        line.add("client", (client ?? self.client).description)
        line.add("method", head.method.rawValue)
        add("host", head.authority, to: &line)
        let target = head.path ?? ""
        let path = target.prefix { $0 != "?" }
        add("path", String(path), to: &line)
        if query, path.endIndex < target.endIndex {
            add("query", String(target[path.endIndex...].dropFirst()), to: &line)
        }
        if hasFields {
            add("origin", head.headerFields[.origin], to: &line)
            add("user_agent", head.headerFields[.userAgent], to: &line)
        }
        if let protection {
            line.add("tls_version", protection.version)
            line.add("tls_cipher", protection.cipher)
        }
    }

    private func add(_ name: StaticString, _ text: String?, to line: inout LogLine) {
        guard let text, !text.isEmpty else { return }
        guard text.utf8.count > Self.longest else { return line.add(name, text) }
        line.add(name, text.prefix(Self.longest) + "…")
    }
}
