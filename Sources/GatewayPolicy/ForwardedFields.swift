public import GatewayConfig
public import HTTPTypes

/// Who the client is, and what the server is told about it in `X-Forwarded-For`, `X-Forwarded-Proto`,
/// `X-Forwarded-Host`, `X-Forwarded-Prefix` and `Forwarded` (RFC 7239).
///
/// What a request says of itself in these fields is believed only if the peer is a trusted proxy; from anyone else
/// every `X-Forwarded-*` and `Forwarded` field is taken away. A peer on a unix domain socket has no address that could
/// be listed, and is trusted where the listener names any trusted proxy at all.
///
/// What a trusted proxy said goes on: as it came, where it can't be read too, or derived from `Forwarded` where it
/// stands there alone. What this hop knows of itself is said only where the proxies said nothing.
public struct ForwardedFields: Equatable, Sendable {
    /// The address that counts for caps and is logged: the right-most hop that is no trusted proxy. Where all are, the
    /// left-most; where a hop can't be read, the one that named it.
    public let clientAddress: ClientAddress

    /// Whether the client is on TLS, as far as the trusted proxies say. Of a list the first counts, as servers read it.
    public let isSecure: Bool

    /// How many hops are looked at, from the right.
    static let maximumHops = 32

    private let isTrusted: Bool
    private let forwardedFor: String
    private let proto: String
    private let host: String
    /// Of the path, as the trusted proxies say, without a trailing `/`; empty: they say nothing.
    private let prefix: String
    /// nil: none is sent, as none came from a trusted proxy.
    private let forwarded: String?

    /// - Parameters:
    ///   - peer: the address at the other end of the connection.
    ///   - host: the authority of the request; empty: none was sent.
    ///   - isTLS: whether the peer is connected with TLS.
    ///   - fields: the request's.
    ///   - trusted: the listener's trusted proxies.
    public init(peer: ClientAddress, host: String, isTLS: Bool, fields: HTTPFields, trusted: [IPPrefix]) {
        isTrusted = peer.isTrusted(by: trusted)
        let ownProto = isTLS ? "https" : "http"
        guard isTrusted else {
            clientAddress = peer
            isSecure = isTLS
            forwardedFor = peer == .unix ? "" : peer.description
            proto = ownProto
            self.host = host
            prefix = ""
            forwarded = nil
            return
        }
        let sentFor = Self.list(fields, .xForwardedFor)
        let sentForwarded = Self.list(fields, .forwarded)
        let elements = ListElements.fromTheEnd(of: sentForwarded).map(ForwardedElement.init)
        let hops =
            sentFor.isEmpty
            ? elements.prefix(Self.maximumHops).map(\.node)
            : ListElements.fromTheEnd(of: sentFor, limit: Self.maximumHops)
        clientAddress = Self.rightmostUntrusted(hops: hops, peer: peer, trusted)

        let said = Self.aboutClient(elements, trusted)
        let sentProto = Self.list(fields, .xForwardedProto)
        proto = Self.proto(sentProto.isEmpty ? said.proto : sentProto) ?? ownProto
        isSecure = proto.split(separator: ",").first.map { ListElements.trimmed($0.utf8[...]) } == "https"
        let sentHost = Self.list(fields, .xForwardedHost)
        self.host = !sentHost.isEmpty ? sentHost : !said.host.isEmpty ? said.host : host
        prefix = Self.prefix(Self.list(fields, .xForwardedPrefix))
        let chain = sentFor.isEmpty ? elements.reversed().map { Self.xForwardedForNode($0.node) } : [sentFor]
        forwardedFor = (chain + (peer == .unix ? [] : [peer.description])).joined(separator: ", ")
        forwarded =
            sentForwarded.isEmpty
            ? nil : "\(sentForwarded), \(Self.element(for: peer, host: host, proto: ownProto))"
    }

    /// Puts these in place of what the request brought.
    ///
    /// - Parameter stripped: the prefix that the server does not see of the path (``PathRewriter/strippedPrefix(of:by:)``):
    ///   told behind those that trusted proxies have taken away before. nil: theirs go on as they came.
    public func apply(to fields: inout HTTPFields, strippedPrefix stripped: String? = nil) {
        let isTrusted = isTrusted
        func isRemoved(_ field: HTTPField) -> Bool {
            // Those not set below, such as X-Forwarded-Port, are as little to be believed; and what servers could take
            // for one of these a trusted proxy has not looked at.
            guard Self.isXForwarded(field.name) else { return false }
            return !isTrusted || FieldNames.isFoldable(field.name)
        }
        if fields.contains(where: isRemoved) { fields.removeAll(where: isRemoved) }
        set(.xForwardedFor, to: forwardedFor, in: &fields)
        set(.xForwardedProto, to: proto, in: &fields)
        set(.xForwardedHost, to: host, in: &fields)
        set(.forwarded, to: forwarded ?? "", in: &fields)
        if let stripped {
            let told = FieldBytes.field(.xForwardedPrefix, widened: "\(prefix)\(stripped)")
            fields[fields: .xForwardedPrefix] = told.map { [$0] } ?? []
        }
    }

    /// Whether servers can take it for one of the `X-Forwarded-*`.
    private static func isXForwarded(_ name: HTTPField.Name) -> Bool {
        let bytes = name.canonicalName.utf8
        // Nothing that becomes an `x` in a folded name is another character.
        guard bytes.count >= 12, bytes.first == UInt8(ascii: "x") else { return false }
        return FieldNames.folded(name).hasPrefix("x-forwarded-")
    }

    /// - Parameter value: widened; empty: none is sent.
    private func set(_ name: HTTPField.Name, to value: String, in fields: inout HTTPFields) {
        let field = value.isEmpty ? nil : FieldBytes.field(name, widened: value)
        if fields.contains(name) {
            fields[fields: name] = field.map { [$0] } ?? []
        } else if let field {
            fields.append(field)
        }
    }

    /// What several proxies have listed is one prefix, the first being the outermost, as servers read it too.
    private static func prefix(_ sent: String) -> String {
        sent.utf8.split(separator: UInt8(ascii: ",")).map { element in
            String(PathRewriter.trimmed(ListElements.trimmed(element)))
        }.joined()
    }

    /// All lines of a list field as one (RFC 9110 §5.3), widened: what goes on as it came has the bytes that came.
    private static func list(_ fields: HTTPFields, _ name: HTTPField.Name) -> String {
        fields[fields: name].map(FieldBytes.widened).filter { !$0.isEmpty }.joined(separator: ", ")
    }

    /// - Parameter hops: nodes as they were sent, the last one first.
    private static func rightmostUntrusted(
        hops: [String], peer: ClientAddress, _ trusted: [IPPrefix]
    ) -> ClientAddress {
        var client = peer
        for hop in hops {
            guard let address = ForwardedElement.address(ofNode: hop) else { break }
            client = address
            if !address.isTrusted(by: trusted) { break }
        }
        return client
    }

    /// Scheme and host that the client asked for: said of the right-most hop that is no trusted proxy, as what stands
    /// left of it may be the client's own, or by the next proxy that said anything.
    ///
    /// - Parameter elements: the last one first.
    private static func aboutClient(
        _ elements: [ForwardedElement], _ trusted: [IPPrefix]
    ) -> (proto: String, host: String) {
        var said = (proto: "", host: "")
        for element in elements.prefix(maximumHops) {
            if !element.proto.isEmpty { said.proto = element.proto }
            if !element.host.isEmpty { said.host = element.host }
            let address = ForwardedElement.address(ofNode: element.node)
            guard let address, address.isTrusted(by: trusted) else { break }
        }
        return said
    }

    /// What is one of the schemes of HTTP and WebSockets becomes that of HTTP; a list or anything else stays as it is.
    private static func proto(_ sent: String) -> String? {
        switch lowercasedASCII(sent.utf8) {
        case "": nil
        case "http", "ws": "http"
        case "https", "wss": "https"
        default: sent
        }
    }

    /// A node of `Forwarded` in `X-Forwarded-For`, where addresses are bare; what is none stays as it is.
    private static func xForwardedForNode(_ node: String) -> String {
        ForwardedElement.address(ofNode: node)?.description ?? (node.isEmpty ? "unknown" : node)
    }

    /// One element of `Forwarded` for this hop (RFC 7239 §4).
    private static func element(for peer: ClientAddress, host: String, proto: String) -> String {
        let node =
            switch peer {
            case .ipv4: peer.description
            case .ipv6: "\"[\(peer)]\""
            case .unix: "unknown"
            }
        let isQuotable = host.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        let hostParameter = host.isEmpty || !isQuotable ? "" : ";host=\"\(host)\""
        return "for=\(node)\(hostParameter);proto=\(proto)"
    }
}

extension ClientAddress {
    /// A peer on a unix socket is trusted where any proxy is.
    public func isTrusted(by trusted: [IPPrefix]) -> Bool {
        guard !trusted.isEmpty else { return false }
        if self == .unix { return true }
        let bytes = bytes
        return trusted.contains { $0.contains(bytes) }
    }
}

extension HTTPField.Name {
    fileprivate static let xForwardedFor = known("X-Forwarded-For")
    fileprivate static let xForwardedProto = known("X-Forwarded-Proto")
    fileprivate static let xForwardedHost = known("X-Forwarded-Host")
    fileprivate static let xForwardedPrefix = known("X-Forwarded-Prefix")
    fileprivate static let forwarded = known("Forwarded")

    /// For literals that are tokens; the fallback is never taken.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}
