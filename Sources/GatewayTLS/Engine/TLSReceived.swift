/// What one piece of wire input has brought.
public struct TLSReceived: Sendable, Equatable {
    /// Decrypted bytes, at the beginning of the caller's buffer.
    public var plaintextBytes = 0
    /// Whether the handshake was completed by this piece. Plaintext may have come behind it.
    public var hasCompletedHandshake = false
    /// Whether the peer has said that nothing more comes (close_notify, RFC 8446 §6.1).
    public var hasEnded = false
    /// Why the connection can't go on behind the plaintext, which came whole. Where there is none before it, the call
    /// throws instead.
    public var failure: TLSFailure?

    public init(plaintextBytes: Int = 0, hasCompletedHandshake: Bool = false, hasEnded: Bool = false) {
        self.plaintextBytes = plaintextBytes
        self.hasCompletedHandshake = hasCompletedHandshake
        self.hasEnded = hasEnded
    }
}
