/// The peer has ended TCP without TLS's close_notify: where a message ends with the connection, it may be cut short
/// (RFC 9112 §9.8).
public struct UncleanTLSEnd: Error {
    public init() {}
}
