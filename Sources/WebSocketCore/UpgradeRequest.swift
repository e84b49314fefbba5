public import HTTPTypes

/// One request to open a WebSocket, the same value whether it came as an HTTP/1.1 upgrade (RFC 6455 §4.2.1) or as an
/// HTTP/2 extended CONNECT (RFC 8441 §5).
public struct UpgradeRequest: Sendable, Equatable {
    /// As it came: path, authority, scheme and all fields.
    public var request: HTTPRequest
    /// `Sec-WebSocket-Key`; nil when the request came over HTTP/2, which has none.
    public var key: String?
    /// In the client's order of preference, without duplicates.
    public var subprotocols: [String]
    /// In the client's order of preference.
    public var extensionOffers: [ExtensionOffer]
    /// `Origin` as it came; nil from clients that are no browsers.
    public var origin: String?
    /// The draft that the client speaks; nil: RFC 6455.
    public var draft: LegacyDraft?
    /// What a client of hixie-76 wants to see proved.
    public var challenge: HixieChallenge?

    public init(
        request: HTTPRequest, key: String? = nil, subprotocols: [String] = [], extensionOffers: [ExtensionOffer] = [],
        origin: String? = nil, draft: LegacyDraft? = nil, challenge: HixieChallenge? = nil
    ) {
        self.request = request
        self.key = key
        self.subprotocols = subprotocols
        self.extensionOffers = extensionOffers
        self.origin = origin
        self.draft = draft
        self.challenge = challenge
    }
}
