/// Reads the files of TLS. What it accepts can be served, and of what it refuses it says the file, the place and the
/// cause.
///
/// Each function blocks, and names a file in messages as `shown`, or by its path in quotes.
public enum TLSMaterial {
    /// A chain, the own certificate first (RFC 8446 §4.4.2).
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be read, has no certificate, or a damaged one.
    public static func certificates(
        _ path: String, shownAs shown: String? = nil
    ) throws(TLSMaterialFailure) -> TLSCertificates {
        let name = shown ?? MaterialFile.quoted(path)
        let blocks = try certificateBlocks(path, name)
        var chain: [TLSCertificate] = []
        for (number, block) in blocks.enumerated() {
            do {
                chain.append(try certificate(block))
            } catch {
                throw damaged(block, number: number + 1, of: blocks.count, path, name, error.reason)
            }
        }
        // There is a first: a file without blocks was refused.
        guard let first = chain.first else { throw noCertificates(path, name) }
        return TLSCertificates(file: name, chain: chain, facts: first.facts)
    }

    /// Certificates to trust. Of a bundle that holds something odd the rest is used.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be read, or has no certificate that is whole.
    public static func authorities(
        _ path: String, shownAs shown: String? = nil
    ) throws(TLSMaterialFailure) -> TLSAuthorities {
        let name = shown ?? MaterialFile.quoted(path)
        let blocks = try certificateBlocks(path, name)
        var certificates: [TLSCertificate] = []
        var failures: [TLSMaterialFailure] = []
        for (number, block) in blocks.enumerated() {
            do {
                certificates.append(try certificate(block))
            } catch {
                failures.append(damaged(block, number: number + 1, of: blocks.count, path, name, error.reason))
            }
        }
        if certificates.isEmpty, let first = failures.first { throw first }
        return TLSAuthorities(
            certificates: certificates, warnings: failures.map { "\($0.reason); the gateway leaves it out" })
    }

    /// The first private key of a file: PKCS#8, PKCS#1 or SEC1, without a passphrase.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be read, or has no key that can be used.
    public static func privateKey(
        _ path: String, shownAs shown: String? = nil
    ) throws(TLSMaterialFailure) -> TLSPrivateKey {
        let name = shown ?? MaterialFile.quoted(path)
        let blocks = PEMFile(try MaterialFile.bytes(path, shownAs: name)).blocks
        let keys = blocks.enumerated().filter { keyLabels.contains($0.element.label) }
        guard let (_, block) = keys.first else {
            let isEncrypted = blocks.contains { $0.label == "ENCRYPTED PRIVATE KEY" }
            throw TLSMaterialFailure(
                file: path,
                reason: isEncrypted ? encrypted(name) : "expected a PEM private key in \(name), found none")
        }
        guard !block.isEncrypted else {
            throw TLSMaterialFailure(file: path, block: 1, line: block.line, reason: encrypted(name))
        }
        guard let key = block.content.flatMap({ TLSPrivateKey(der: $0) }) else {
            throw TLSMaterialFailure(
                file: path, block: 1, line: block.line,
                reason: "the private key in \(name) is damaged, encrypted or of an unsupported kind; expected RSA,"
                    + " P-256, P-384, P-521 or Ed25519")
        }
        return key
    }

    /// A chain and the key of its first certificate, and the OCSP response for that.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that does not do by itself, or beside the others.
    public static func identity(
        certificate path: String, key keyPath: String, ocsp ocspPath: String? = nil,
        certificateShownAs shown: String? = nil,
        keyShownAs keyShown: String? = nil, ocspShownAs ocspShown: String? = nil
    ) throws(TLSMaterialFailure) -> TLSIdentity {
        let name = shown ?? MaterialFile.quoted(path)
        let keyName = keyShown ?? MaterialFile.quoted(keyPath)
        let certificates = try certificates(path, shownAs: name)
        let key = try privateKey(keyPath, shownAs: keyName)
        guard let place = certificates.chain.firstIndex(where: key.belongs) else {
            throw TLSMaterialFailure(
                file: keyPath,
                reason: "the private key in \(keyName) belongs to another certificate than the first in \(name);"
                    + " replace both, or put the key's certificate first")
        }
        guard place == 0 else {
            throw TLSMaterialFailure(
                file: path, block: place + 1,
                reason: "the certificate of the private key in \(keyName) must be the first in \(name)")
        }
        var response: OCSPResponse?
        if let ocspPath { response = try ocspResponse(ocspPath, shownAs: ocspShown) }
        let identity = TLSIdentity(certificates: certificates, privateKey: key, ocspResponse: response)
        // Whether handshakes can use it is known when they are told of it.
        _ = try TLSCredential(identity, stapling: nil)
        return identity
    }

    /// An OCSP response.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be read, or holds something else.
    public static func ocspResponse(
        _ path: String, shownAs shown: String? = nil
    ) throws(TLSMaterialFailure) -> OCSPResponse {
        try OCSPResponse(path, shownAs: shown ?? MaterialFile.quoted(path))
    }

    private static let certificateLabels = ["CERTIFICATE", "X509 CERTIFICATE", trustedLabel]
    /// Of openssl's x509 -trustout.
    private static let trustedLabel = "TRUSTED CERTIFICATE"
    private static let keyLabels = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]

    private static func certificateBlocks(
        _ path: String, _ name: String
    ) throws(TLSMaterialFailure) -> [PEMFile.Block] {
        let blocks = PEMFile(try MaterialFile.bytes(path, shownAs: name)).blocks.filter {
            certificateLabels.contains($0.label)
        }
        guard !blocks.isEmpty else { throw noCertificates(path, name) }
        return blocks
    }

    private static func certificate(_ block: PEMFile.Block) throws(TLSCertificate.Damage) -> TLSCertificate {
        guard let content = block.content else { throw TLSCertificate.Damage(reason: block.problem) }
        return try TLSCertificate(der: content, trusted: block.label == trustedLabel)
    }

    private static func noCertificates(_ path: String, _ name: String) -> TLSMaterialFailure {
        TLSMaterialFailure(file: path, reason: "expected PEM certificates in \(name), found none")
    }

    private static func damaged(
        _ block: PEMFile.Block, number: Int, of count: Int, _ path: String, _ name: String, _ cause: String
    ) -> TLSMaterialFailure {
        TLSMaterialFailure(
            file: path, block: number, line: block.line,
            reason:
                "certificate \(number) of \(count) in \(name) is damaged: \(cause), in the block that begins on line"
                + " \(block.line)")
    }

    private static func encrypted(_ name: String) -> String {
        "the private key in \(name) is encrypted; store it without a passphrase"
    }
}
