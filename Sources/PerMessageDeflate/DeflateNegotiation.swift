public import WebSocketCore

/// Why a server's answer about extensions is refused (RFC 6455 §9.1, RFC 7692 §5.2 and §7.1).
public struct DeflateNegotiationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One line: what was expected and what arrived.
    public var message: String

    public init(message: String) {
        self.message = message
    }

    public var description: String { message }
}

/// How two peers agree on permessage-deflate (RFC 7692 §5 and §7.1).
public enum DeflateNegotiation {
    /// The server's role: the first acceptable offer in the client's order, and the answer to it; nil when there is
    /// none, or none acceptable.
    ///
    /// An offer that demands `server_max_window_bits=8` is declined, as zlib cannot compress with that window. The
    /// answer has a window parameter only where the offer had it; `agreed.serverMaxWindowBits` is what to compress with
    /// and may be less than the client was told.
    public static func answer(
        _ offers: [ExtensionOffer], policy: DeflatePolicy
    ) -> (offer: DeflateOffer, agreed: DeflateParameters, header: ExtensionOffer)? {
        for case let offer? in offers.lazy.map(DeflateOffer.parse) {
            if let demanded = offer.serverMaxWindowBits, demanded < 9 { continue }
            let serverWindow = min(policy.windowBits, offer.serverMaxWindowBits ?? 15)
            let clientWindow: Int? =
                switch offer.clientMaxWindowBits {
                case .absent: nil
                case .anyValue: policy.windowBits
                case .atMost(let bits): min(policy.windowBits, bits)
                }
            let agreed = DeflateParameters(
                serverNoContextTakeover: offer.serverNoContextTakeover || !policy.contextTakeover,
                clientNoContextTakeover: offer.clientNoContextTakeover || !policy.contextTakeover,
                serverMaxWindowBits: serverWindow, clientMaxWindowBits: clientWindow ?? 15)
            let header = DeflateParameterList(
                serverNoContextTakeover: agreed.serverNoContextTakeover,
                clientNoContextTakeover: agreed.clientNoContextTakeover,
                serverMaxWindowBits: offer.serverMaxWindowBits == nil ? nil : serverWindow,
                clientMaxWindowBits: clientWindow.map { .some($0) })
            return (offer, agreed, header.element)
        }
        return nil
    }

    /// The client's role: what to offer a server, best first.
    ///
    /// A server that does not know a parameter leaves it out of its answer, or declines the offer. So behind the offer
    /// with all that is wanted comes one without each of the demands, a window below 15 and no context takeover, and at
    /// last one without any parameter: two to four offers.
    public static func offer(policy: DeflatePolicy) -> [ExtensionOffer] {
        let forgets = !policy.contextTakeover
        let best = DeflateOffer(
            serverNoContextTakeover: forgets, clientNoContextTakeover: forgets,
            serverMaxWindowBits: policy.windowBits < 15 ? policy.windowBits : nil, clientMaxWindowBits: .anyValue)
        var offers = [best]
        if best.serverMaxWindowBits != nil, forgets {
            var wide = best
            wide.serverMaxWindowBits = nil
            var remembering = best
            remembering.serverNoContextTakeover = false
            remembering.clientNoContextTakeover = false
            offers += [wide, remembering]
        } else if best.serverMaxWindowBits != nil || forgets {
            offers.append(DeflateOffer(clientMaxWindowBits: .anyValue))
        }
        offers.append(DeflateOffer())
        return offers.map { $0.serialise() }
    }

    /// The client's role: judges the server's answer by the offers that were sent; nil when it has no
    /// permessage-deflate.
    ///
    /// A server may answer with either `no_context_takeover` parameter and with `server_max_window_bits` unasked
    /// (RFC 7692 §7.1.1 and §7.1.2.1). Other extensions are accepted when they were offered by name.
    ///
    /// - Throws: `DeflateNegotiationError` for an extension that was not offered, permessage-deflate twice, parameters
    ///   that are unknown, malformed or doubled, and an answer that fits none of the offers;
    ///   `client_max_window_bits=8` too, as zlib cannot compress with that window.
    public static func verify(
        answer: [ExtensionOffer], offers: [ExtensionOffer]
    ) throws(DeflateNegotiationError) -> DeflateParameters? {
        for element in answer where !offers.contains(where: { $0.name == element.name }) {
            throw DeflateNegotiationError(
                message:
                    "server answered with extension \"\(element.name.prefix(64))\", which the gateway did not offer")
        }
        let answers = answer.filter { $0.name == DeflateOffer.extensionName }
        guard let chosen = answers.first else { return nil }
        guard answers.count == 1 else {
            throw DeflateNegotiationError(
                message: "server answered with \(DeflateOffer.extensionName) \(answers.count) times, expected once")
        }
        let parameters = try DeflateParameterList(chosen.parameters, role: .answer)
        var mismatch: String?
        for case let offer? in offers.lazy.map(DeflateOffer.parse) {
            guard let reason = Self.mismatch(of: parameters, with: offer) else { return try usable(parameters) }
            mismatch = mismatch ?? reason
        }
        throw DeflateNegotiationError(message: mismatch ?? "no valid \(DeflateOffer.extensionName) was offered")
    }

    /// Why an answer is none to this offer.
    private static func mismatch(of answer: DeflateParameterList, with offer: DeflateOffer) -> String? {
        if offer.serverNoContextTakeover && !answer.serverNoContextTakeover {
            return "server_no_context_takeover is missing in the answer, expected as the gateway offered it"
        }
        if let offered = offer.serverMaxWindowBits {
            guard let answered = answer.serverMaxWindowBits else {
                return
                    "server_max_window_bits is missing in the answer, expected at most \(offered) as the gateway offered"
            }
            guard answered <= offered else {
                return "server_max_window_bits is \(answered), offered at most \(offered)"
            }
        }
        if case .some(.some(let answered)) = answer.clientMaxWindowBits {
            switch offer.clientMaxWindowBits {
            case .absent: return "client_max_window_bits is \(answered) in the answer, but the gateway did not offer it"
            case .anyValue: break
            case .atMost(let offered):
                guard answered <= offered else {
                    return "client_max_window_bits is \(answered), offered at most \(offered)"
                }
            }
        }
        return nil
    }

    private static func usable(_ answer: DeflateParameterList) throws(DeflateNegotiationError) -> DeflateParameters {
        let clientWindow = (answer.clientMaxWindowBits ?? nil) ?? 15
        guard clientWindow >= 9 else {
            throw DeflateNegotiationError(
                message:
                    "client_max_window_bits is \(clientWindow), expected 9 to 15, because zlib can't compress with it")
        }
        return DeflateParameters(
            serverNoContextTakeover: answer.serverNoContextTakeover,
            clientNoContextTakeover: answer.clientNoContextTakeover,
            serverMaxWindowBits: answer.serverMaxWindowBits ?? 15, clientMaxWindowBits: clientWindow)
    }
}
