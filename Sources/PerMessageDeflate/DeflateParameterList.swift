import WebSocketCore

/// The four parameters of permessage-deflate as they stand in an offer or an answer (RFC 7692 §7.1).
struct DeflateParameterList: Equatable {
    enum Role {
        case offer
        /// Of a server, where `client_max_window_bits` has a value (§7.1.2.2).
        case answer
    }

    var serverNoContextTakeover = false
    var clientNoContextTakeover = false
    var serverMaxWindowBits: Int?
    /// Absent, present without a value, or with one.
    var clientMaxWindowBits: Int??

    init(
        serverNoContextTakeover: Bool, clientNoContextTakeover: Bool, serverMaxWindowBits: Int?,
        clientMaxWindowBits: Int??
    ) {
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
        self.serverMaxWindowBits = serverMaxWindowBits
        self.clientMaxWindowBits = clientMaxWindowBits
    }

    /// - Throws: `DeflateNegotiationError` for a parameter that is unknown, came twice or has a value it may not have.
    init(_ parameters: [ExtensionOffer.Parameter], role: Role) throws(DeflateNegotiationError) {
        var seen: Set<String> = []
        for parameter in parameters {
            guard seen.insert(parameter.name).inserted else {
                throw DeflateNegotiationError(message: "\(parameter.name.prefix(64)) came twice, expected once")
            }
            switch parameter.name {
            case "server_no_context_takeover":
                try Self.refuseValue(parameter)
                serverNoContextTakeover = true
            case "client_no_context_takeover":
                try Self.refuseValue(parameter)
                clientNoContextTakeover = true
            case "server_max_window_bits":
                serverMaxWindowBits = try Self.windowBits(parameter)
            case "client_max_window_bits":
                let isBare = parameter.value == nil && role == .offer
                clientMaxWindowBits = .some(isBare ? nil : try Self.windowBits(parameter))
            default:
                throw DeflateNegotiationError(
                    message: "\(parameter.name.prefix(64)) is not a parameter of \(DeflateOffer.extensionName)")
            }
        }
    }

    var element: ExtensionOffer {
        var element = ExtensionOffer(name: DeflateOffer.extensionName)
        func add(_ name: String, _ value: Int? = nil) {
            element.parameters.append(.init(name: name, value: value.map { String($0) }))
        }
        if serverNoContextTakeover { add("server_no_context_takeover") }
        if clientNoContextTakeover { add("client_no_context_takeover") }
        if let serverMaxWindowBits { add("server_max_window_bits", serverMaxWindowBits) }
        if let clientMaxWindowBits { add("client_max_window_bits", clientMaxWindowBits) }
        return element
    }

    private static func refuseValue(_ parameter: ExtensionOffer.Parameter) throws(DeflateNegotiationError) {
        if let value = parameter.value {
            throw DeflateNegotiationError(
                message: "\(parameter.name) has a value of \(value.utf8.count) bytes, expected no value")
        }
    }

    /// A decimal number from 8 to 15 without leading zeros (§7.1.2).
    private static func windowBits(_ parameter: ExtensionOffer.Parameter) throws(DeflateNegotiationError) -> Int {
        guard let value = parameter.value else {
            throw DeflateNegotiationError(message: "\(parameter.name) has no value, expected 8 to 15")
        }
        guard let bits = (8...15).first(where: { String($0) == value }) else {
            // A number is shown, anything else may be what a client means to keep to itself.
            let shown =
                (0...255).first { String($0) == value }.map { "\($0)" } ?? "another value, of \(value.utf8.count) bytes"
            throw DeflateNegotiationError(message: "\(parameter.name) is \(shown), expected 8 to 15")
        }
        return bits
    }
}
