/// Finds the certificates for a server name: those that have the name first, then those with a wildcard for it, else
/// those of the first identity (RFC 6066 §3).
struct IdentityChoice: Sendable {
    private var exact: [String: [TLSCredential]] = [:]
    /// By what follows the asterisk, which stands for one label (RFC 9525 §6.3).
    private var wildcard: [String: [TLSCredential]] = [:]
    private let fallback: [TLSCredential]

    /// - Parameter staples: of each identity, the DER of the OCSP response that goes with it; nil: none does.
    /// - Throws: `TLSMaterialFailure` where memory is short.
    init(_ identities: [TLSIdentity], stapling staples: [[UInt8]?]) throws(TLSMaterialFailure) {
        var found: [(identity: TLSIdentity, credential: TLSCredential, names: Set<String>)] = []
        for (identity, staple) in zip(identities, staples) {
            let names = Set(identity.certificates.facts.names.map(Self.normalized))
            found.append((identity, try TLSCredential(identity, stapling: staple), names))
        }
        // A client takes the first that it can verify, so RSA stands last. Two of a kind keep their order.
        let ranked = found.enumerated().sorted {
            ($0.element.identity.privateKey.kind.rank, $0.offset) < (
                $1.element.identity.privateKey.kind.rank, $1.offset
            )
        }
        for (_, entry) in ranked {
            for name in entry.names {
                if name.hasPrefix("*.") {
                    wildcard[String(name.dropFirst(2)), default: []].append(entry.credential)
                } else {
                    exact[name, default: []].append(entry.credential)
                }
            }
        }
        let first = found.first?.names ?? []
        fallback = ranked.filter { $0.offset == 0 || !$0.element.names.isDisjoint(with: first) }
            .map(\.element.credential)
    }

    /// In the order in which they are tried.
    func credentials(for serverName: String?) -> [TLSCredential] {
        guard let serverName else { return fallback }
        let name = Self.normalized(serverName)
        let parent = name.firstIndex(of: ".").map { String(name[name.index(after: $0)...]) } ?? ""
        return exact[name] ?? wildcard[parent] ?? fallback
    }

    private static func normalized(_ name: String) -> String {
        (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
    }
}
