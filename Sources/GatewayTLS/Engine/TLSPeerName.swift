#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the certificate of a server has to be for.
public enum TLSPeerName: Sendable, Hashable {
    /// A DNS name, which is sent as SNI (RFC 6066 §3) and has to be among those of the certificate. The text of an
    /// address is taken for that address; a dot at the end is dropped.
    case name(String)
    /// An address of 4 or 16 bytes in network order, which the certificate has to name as such (RFC 9525 §6.5). No SNI
    /// is sent.
    case address(packed: [UInt8])
    /// Any: the chain alone is verified, and no SNI is sent.
    case none

    /// A name without the dot at its end, and an address that was given as text as its bytes.
    var normalized: TLSPeerName {
        guard case .name(let text) = self else { return self }
        if let address = Self.packed(text) { return .address(packed: address) }
        return .name(text.hasSuffix(".") ? String(text.dropLast()) : text)
    }

    /// As sessions are remembered by it.
    var key: String {
        switch self {
        case .name(let name): name.lowercased()
        case .address(let bytes): bytes.map { String($0) }.joined(separator: ".")
        case .none: ""
        }
    }

    private static func packed(_ text: String) -> [UInt8]? {
        var four = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, text, &four) == 1 { return four }
        var sixteen = [UInt8](repeating: 0, count: 16)
        let inside = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        return inet_pton(AF_INET6, inside, &sixteen) == 1 ? sixteen : nil
    }
}
