public import GatewayConfig
public import HTTPTypes

/// The `X-Request-Id` of a trusted proxy, by which one request is found in the logs of all that it passed.
public enum SentRequestID {
    /// In bytes.
    static let maximumLength = 128

    /// nil: the peer is not trusted, or sent none, several, or one that is too long or has other characters than
    /// visible ASCII; the gateway then makes one.
    public static func kept(_ fields: HTTPFields, from peer: ClientAddress, trusted: [IPPrefix]) -> String? {
        guard peer.isTrusted(by: trusted) else { return nil }
        let values = fields[values: .xRequestID]
        guard values.count == 1, let id = values.first, (1...maximumLength).contains(id.utf8.count),
            id.utf8.allSatisfy({ 0x21...0x7E ~= $0 })
        else { return nil }
        return id
    }
}

extension HTTPField.Name {
    fileprivate static let xRequestID = HTTPField.Name("X-Request-Id") ?? .via
}
