public import WebSocketCore

/// One offer of permessage-deflate, as a client makes it (RFC 7692 §7.1).
public struct DeflateOffer: Equatable, Sendable {
    /// The name registered for the extension.
    public static let extensionName = "permessage-deflate"

    /// `client_max_window_bits` (RFC 7692 §7.1.2.2).
    public enum ClientWindow: Equatable, Sendable {
        /// The client does not know the parameter, so the answer may not have it.
        case absent
        /// The answer may have any value.
        case anyValue
        /// The client compresses with at most this, 8…15.
        case atMost(Int)
    }

    public var serverNoContextTakeover: Bool
    public var clientNoContextTakeover: Bool
    /// What the server must keep to, 8…15; nil: whatever it likes.
    public var serverMaxWindowBits: Int?
    public var clientMaxWindowBits: ClientWindow

    public init(
        serverNoContextTakeover: Bool = false, clientNoContextTakeover: Bool = false, serverMaxWindowBits: Int? = nil,
        clientMaxWindowBits: ClientWindow = .absent
    ) {
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
        self.serverMaxWindowBits = serverMaxWindowBits
        self.clientMaxWindowBits = clientMaxWindowBits
    }

    /// Reads an offer; nil when it is of another extension, or has a parameter that is unknown, came twice or has a
    /// value it may not have: such an offer is declined (RFC 7692 §7.1), not an error.
    public static func parse(_ offer: ExtensionOffer) -> DeflateOffer? {
        guard offer.name == extensionName,
            let parameters = try? DeflateParameterList(offer.parameters, role: .offer)
        else { return nil }
        let clientWindow: ClientWindow =
            switch parameters.clientMaxWindowBits {
            case nil: .absent
            case .some(nil): .anyValue
            case .some(.some(let bits)): .atMost(bits)
            }
        return DeflateOffer(
            serverNoContextTakeover: parameters.serverNoContextTakeover,
            clientNoContextTakeover: parameters.clientNoContextTakeover,
            serverMaxWindowBits: parameters.serverMaxWindowBits, clientMaxWindowBits: clientWindow)
    }

    /// As an element of `Sec-WebSocket-Extensions`.
    public func serialise() -> ExtensionOffer {
        DeflateParameterList(
            serverNoContextTakeover: serverNoContextTakeover, clientNoContextTakeover: clientNoContextTakeover,
            serverMaxWindowBits: serverMaxWindowBits,
            clientMaxWindowBits: {
                switch clientMaxWindowBits {
                case .absent: nil
                case .anyValue: .some(nil)
                case .atMost(let bits): .some(.some(bits))
                }
            }()
        ).element
    }
}
