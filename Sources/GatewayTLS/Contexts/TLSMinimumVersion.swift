internal import CNIOBoringSSL

/// The oldest version of TLS that is spoken. Older ones than 1.2 are not (RFC 8996).
public enum TLSMinimumVersion: Sendable, Hashable {
    case v12
    case v13

    /// As a record names it.
    var identifier: UInt16 { UInt16(self == .v13 ? TLS1_3_VERSION : TLS1_2_VERSION) }
}
