public import GatewayConfig
public import HTTPTypes

/// Who the client is, and what the server is told about it in `X-Forwarded-For`, `X-Forwarded-Proto`,
/// `X-Forwarded-Host` and `Forwarded` (RFC 7239).
///
/// What a request says of itself in these fields is believed only if the peer is a trusted proxy; from anyone else
/// every `X-Forwarded-*` and `Forwarded` field is taken away. A peer on a unix domain socket has no address that could
/// be listed, and is trusted where the listener names any trusted proxy at all.
public struct ForwardedFields: Equatable, Sendable {
    /// The address that counts for caps and is logged: the right-most hop that is no trusted proxy. Where all are, the
    /// left-most; where a hop can't be read, the one that named it.
    public let clientAddress: ClientAddress

    /// Whether the client is on TLS, as far as the trusted proxies say.
    public let isSecure: Bool

    /// How many hops are looked at, from the right.
    static let maximumHops = 32

    private let isTrusted: Bool
    private let forwardedFor: String
    private let proto: String
    private let host: String
    /// nil: none is sent, as none came from a trusted proxy.
    private let forwarded: String?

    /// - Parameters:
    ///   - peer: the address at the other end of the connection.
    ///   - host: the authority of the request; empty: none was sent.
    ///   - isTLS: whether the peer is connected with TLS.
    ///   - fields: the request's.
    ///   - trusted: the listener's trusted proxies.
    public init(peer: ClientAddress, host: String, isTLS: Bool, fields: HTTPFields, trusted: [IPPrefix]) {
        isTrusted = Self.isTrusted(peer, trusted)
        let ownProto = isTLS ? "https" : "http"
        guard isTrusted else {
            clientAddress = peer
            isSecure = isTLS
            forwardedFor = peer == .unix ? "" : peer.description
            proto = ownProto
            self.host = host
            forwarded = nil
            return
        }
        let sentFor = Self.list(fields, .xForwardedFor)
        let sentForwarded = Self.list(fields, .forwarded)
        let hops = sentFor.isEmpty ? Self.forwardedHops(sentForwarded) : Self.lastElements(of: sentFor)
        clientAddress = Self.rightmostUntrusted(hops: hops, peer: peer, trusted)
        proto = Self.proto(fields[values: .xForwardedProto].first) ?? ownProto
        isSecure = proto == "https"
        let sentHost = fields[values: .xForwardedHost].first ?? ""
        self.host = sentHost.isEmpty || sentHost.utf8.count > 255 ? host : sentHost
        let chain = sentFor.isEmpty ? hops.reversed().compactMap { Self.address(ofNode: $0)?.description } : [sentFor]
        forwardedFor = (chain + (peer == .unix ? [] : [peer.description])).joined(separator: ", ")
        forwarded =
            sentForwarded.isEmpty
            ? nil : "\(sentForwarded), \(Self.element(for: peer, host: host, proto: ownProto))"
    }

    /// Puts these in place of what the request brought.
    public func apply(to fields: inout HTTPFields) {
        if !isTrusted {
            // Those not set below, such as X-Forwarded-Port, are as little to be believed.
            fields.removeAll { $0.name.canonicalName.hasPrefix("x-forwarded-") }
        }
        fields[values: .xForwardedFor] = forwardedFor.isEmpty ? [] : [forwardedFor]
        fields[values: .xForwardedProto] = [proto]
        fields[values: .xForwardedHost] = host.isEmpty ? [] : [host]
        fields[values: .forwarded] = forwarded.map { [$0] } ?? []
    }

    private static func isTrusted(_ address: ClientAddress, _ trusted: [IPPrefix]) -> Bool {
        if address == .unix { return !trusted.isEmpty }
        let bytes = address.bytes
        return trusted.contains { $0.contains(bytes) }
    }

    /// All lines of a list field as one (RFC 9110 §5.3).
    private static func list(_ fields: HTTPFields, _ name: HTTPField.Name) -> String {
        fields[values: name].filter { !$0.isEmpty }.joined(separator: ", ")
    }

    /// - Parameter hops: nodes as they were sent, the last one first.
    private static func rightmostUntrusted(
        hops: [String], peer: ClientAddress, _ trusted: [IPPrefix]
    ) -> ClientAddress {
        var client = peer
        for hop in hops {
            guard let address = address(ofNode: hop) else { break }
            client = address
            if !isTrusted(address, trusted) { break }
        }
        return client
    }

    private static func proto(_ sent: String?) -> String? {
        switch sent.map({ lowercasedASCII($0.utf8) }) {
        case "http", "ws": "http"
        case "https", "wss": "https"
        default: nil
        }
    }

    /// The elements of a comma-separated list, the last one first, without the white space around them. Empty ones are
    /// no elements (RFC 9110 §5.6.1.2), but count to the maximum.
    private static func lastElements(of list: String) -> [String] {
        var elements: [String] = []
        var rest = list.utf8[...]
        for _ in 0..<maximumHops where !rest.isEmpty {
            let comma = rest.lastIndex(of: UInt8(ascii: ","))
            let start = comma.map(rest.index(after:)) ?? rest.startIndex
            let element = trimmed(rest[start...])
            if !element.isEmpty { elements.append(element) }
            rest = rest[..<(comma ?? rest.startIndex)]
        }
        return elements
    }

    /// The `for` nodes of `Forwarded`, the last one first; an element without is an empty node, which can't be read.
    private static func forwardedHops(_ list: String) -> [String] {
        lastElements(of: list).map { element in
            for pair in element.utf8.split(separator: UInt8(ascii: ";")) {
                let text = trimmed(pair)
                if lowercasedASCII(text.utf8.prefix(4)) == "for=" { return String(text.dropFirst(4)) }
            }
            return ""
        }
    }

    private static func trimmed(_ text: Substring.UTF8View) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let end = text.lastIndex { !isSpace($0) }.map(text.index(after:)) ?? text.startIndex
        return String(Substring(text[..<end].drop(while: isSpace)))
    }

    /// The address of a node (RFC 7239 §6): with or without port, brackets and quotes; nil for `unknown`, obfuscated
    /// identifiers and anything else.
    private static func address(ofNode node: String) -> ClientAddress? {
        var text = node[...]
        if text.utf8.count >= 2, text.utf8.first == UInt8(ascii: "\""), text.utf8.last == UInt8(ascii: "\"") {
            text = text.dropFirst().dropLast()
        }
        return ClientAddress(parsing: Authority(text).host)
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

extension HTTPField.Name {
    fileprivate static let xForwardedFor = known("X-Forwarded-For")
    fileprivate static let xForwardedProto = known("X-Forwarded-Proto")
    fileprivate static let xForwardedHost = known("X-Forwarded-Host")
    fileprivate static let forwarded = known("Forwarded")

    /// For literals that are tokens; the fallback is never taken.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}
