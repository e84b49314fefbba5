/// Why a connection is closed (RFC 6455 §7.4 and the IANA registry of close codes).
public struct CloseCode: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// 1000
    public static let normalClosure = CloseCode(rawValue: 1000)
    /// 1001
    public static let goingAway = CloseCode(rawValue: 1001)
    /// 1002
    public static let protocolError = CloseCode(rawValue: 1002)
    /// 1003
    public static let unsupportedData = CloseCode(rawValue: 1003)
    /// 1005: a Close frame came without a code; never on the wire.
    public static let noStatusReceived = CloseCode(rawValue: 1005)
    /// 1006: no Close frame came; never on the wire.
    public static let abnormalClosure = CloseCode(rawValue: 1006)
    /// 1007: text that is not UTF-8, or compressed data that does not inflate.
    public static let invalidPayload = CloseCode(rawValue: 1007)
    /// 1008
    public static let policyViolation = CloseCode(rawValue: 1008)
    /// 1009
    public static let messageTooBig = CloseCode(rawValue: 1009)
    /// 1010: the server did not accept an extension that the client needs.
    public static let mandatoryExtension = CloseCode(rawValue: 1010)
    /// 1011
    public static let internalError = CloseCode(rawValue: 1011)
    /// 1012
    public static let serviceRestart = CloseCode(rawValue: 1012)
    /// 1013
    public static let tryAgainLater = CloseCode(rawValue: 1013)
    /// 1014
    public static let badGateway = CloseCode(rawValue: 1014)
    /// 1015: the TLS handshake failed; never on the wire.
    public static let tlsHandshake = CloseCode(rawValue: 1015)

    /// Whether a Close frame may carry this code: 1000…1003, 1007…1014 and 3000…4999 (RFC 6455 §7.4.1 and §7.4.2).
    public var isValidOnWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

extension CloseCode: CustomStringConvertible {
    public var description: String { String(rawValue) }
}
