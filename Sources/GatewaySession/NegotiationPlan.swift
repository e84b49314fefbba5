public import GatewayConfig
public import PerMessageDeflate
public import WebSocketCore

/// Which extensions are offered to the server, and what follows from its answer: RFC 6455 §9.1 on both legs,
/// RFC 7692 §5 and §7 on each.
public struct NegotiationPlan: Sendable {
    private let settings: CompressionSettings
    private let clientOffers: [ExtensionOffer]
    private let policy: DeflatePolicy
    /// What goes into the upgrade request to the server.
    public let serverOffers: [ExtensionOffer]
    /// Names the client offered that this gateway never accepts, in its order, without repeats.
    public let refusedNames: [String]

    public init(settings: CompressionSettings, clientOffers: [ExtensionOffer], allowance: CompressionAllowance) {
        var refused: [String] = []
        for offer in clientOffers where offer.name != DeflateOffer.extensionName && !refused.contains(offer.name) {
            refused.append(offer.name)
        }
        refusedNames = refused

        var settings = settings
        if allowance == .none { settings.mode = .off }
        if allowance == .noContextTakeover { settings.contextTakeover = false }
        self.settings = settings
        policy = DeflatePolicy(windowBits: settings.windowBits, contextTakeover: settings.contextTakeover)

        switch settings.mode {
        case .off:
            self.clientOffers = []
            serverOffers = []
        case .passthrough:
            self.clientOffers = clientOffers.filter { DeflateOffer.parse($0) != nil }
            serverOffers = self.clientOffers
        case .terminate:
            self.clientOffers = clientOffers.filter { DeflateOffer.parse($0) != nil }
            serverOffers = settings.upstream ? DeflateNegotiation.offer(policy: policy) : []
        }
    }

    /// What both legs have agreed on once the server has answered.
    ///
    /// - Throws: `DeflateNegotiationError` when the answer names an extension that was not offered, or parameters
    ///   that the offer does not allow.
    public func conclude(
        serverAnswer: [ExtensionOffer]
    ) throws(DeflateNegotiationError) -> SessionExtensions {
        var server = try DeflateNegotiation.verify(answer: serverAnswer, offers: serverOffers)
        if settings.mode == .passthrough {
            return SessionExtensions(
                client: server, server: server, clientAnswer: server == nil ? nil : serverAnswer.headerValue)
        }
        // Whoever may keep its context need not: what goes to the server forgets, whatever the server has answered.
        if !settings.contextTakeover { server?.clientNoContextTakeover = true }
        guard let answer = DeflateNegotiation.answer(clientOffers, policy: policy(agreeingWith: server)) else {
            return SessionExtensions(client: nil, server: server, clientAnswer: nil)
        }
        return SessionExtensions(
            client: answer.agreed, server: server, clientAnswer: [answer.header].headerValue)
    }

    /// The client is asked for what the server's leg settled on, so that frames can go on byte for byte.
    private func policy(agreeingWith server: DeflateParameters?) -> DeflatePolicy {
        guard let server else { return policy }
        var adapted = policy
        if server.clientNoContextTakeover { adapted.contextTakeover = false }
        adapted.windowBits = max(9, min(policy.windowBits, server.clientMaxWindowBits))
        return adapted
    }
}

/// What each leg agreed on, and what it means for each direction.
public struct SessionExtensions: Equatable, Sendable {
    /// permessage-deflate on the client's leg; nil: none.
    public var client: DeflateParameters?
    /// permessage-deflate on the server's leg; nil: none.
    public var server: DeflateParameters?
    /// The value of `Sec-WebSocket-Extensions` in the answer to the client; nil: no such field.
    public var clientAnswer: String?

    public init(client: DeflateParameters?, server: DeflateParameters?, clientAnswer: String? = nil) {
        self.client = client
        self.server = server
        self.clientAnswer = clientAnswer
    }

    /// No extension on either leg.
    public static let none = SessionExtensions(client: nil, server: nil)

    func compression(from source: Leg) -> DirectionCompression {
        func half(_ parameters: DeflateParameters) -> DirectionCompression.Half {
            source == .client
                ? .init(windowBits: parameters.clientMaxWindowBits, takeover: !parameters.clientNoContextTakeover)
                : .init(windowBits: parameters.serverMaxWindowBits, takeover: !parameters.serverNoContextTakeover)
        }
        let legs = source == .client ? (client, server) : (server, client)
        return DirectionCompression(incoming: legs.0.map(half), outgoing: legs.1.map(half))
    }
}

/// Compression of one direction: as its frames arrive, and as they leave.
struct DirectionCompression: Equatable, Sendable {
    struct Half: Equatable, Sendable {
        var windowBits: Int
        var takeover: Bool
    }

    var incoming: Half?
    var outgoing: Half?

    /// Whether a compressed message may go on as it came: the receiver's window reaches as far back as the sender's,
    /// and keeps it for as long.
    var passesCompressedMessages: Bool {
        guard let incoming, let outgoing else { return false }
        return incoming.windowBits <= outgoing.windowBits && (!incoming.takeover || outgoing.takeover)
    }
}

extension [ExtensionOffer] {
    /// The value of a `Sec-WebSocket-Extensions` field with these.
    public var headerValue: String { map(\.description).joined(separator: ", ") }
}
