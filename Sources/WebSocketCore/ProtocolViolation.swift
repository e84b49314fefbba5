/// Why a connection is failed (RFC 6455 §7.1.7): the close code for the peer that broke the rule, and what was
/// expected and what arrived.
public struct ProtocolViolation: Error, Equatable, Sendable, CustomStringConvertible {
    public var closeCode: CloseCode
    /// Fit for the reason of a Close frame; the encoder cuts it at 123 bytes.
    public var reason: String

    public init(closeCode: CloseCode, reason: String) {
        self.closeCode = closeCode
        self.reason = reason
    }

    public var description: String { "\(reason) (close code \(closeCode))" }
}
