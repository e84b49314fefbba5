internal import CNIOBoringSSL

/// What all connections of a listener's clients have in common: certificates, keys, and what is agreed to.
///
/// Immutable, but for the ticket keys; shared by all threads. Files that have changed are followed by making another.
public final class TLSServerContext: Sendable {
    let context: SSLContextHandle
    /// nil: clients show no certificate.
    let verifier: CertificateVerifier?
    private let identities: IdentityChoice
    /// As ALPN sends them: each behind its length.
    private let applicationProtocols: [[UInt8]]
    private let ticketKeys: TLSTicketKeys

    /// What is odd about the files, and no reason to refuse them.
    public let warnings: [String]
    /// Seconds since 1970-01-01, when another context has to be made of the same files: a stapled OCSP response ends, or
    /// one begins; nil: never.
    public let outdatedAt: Int64?
    /// Of each identity, its own one.
    private let certificates: [(der: [UInt8], facts: TLSCertificateFacts, file: String)]

    /// What the certificates say, and the file of each, in the order of the settings.
    public var certificateFacts: [(facts: TLSCertificateFacts, file: String)] {
        certificates.map { ($0.facts, $0.file) }
    }

    /// Seconds that a session may be resumed for: with TLS 1.2 the same secret goes on, with 1.3 a fresh one joins it.
    private static let sessionTimeout: (v12: UInt32, v13: UInt32) = (2 * 3600, 24 * 3600)
    /// Names of authorities that are told to clients, in bytes. More than that is left out, which asks for any.
    private static let authorityNamesLimit = 8192

    /// Reads the files. Blocks.
    ///
    /// - Throws: `TLSMaterialFailure` for the first file or setting that can't be used.
    public init(_ settings: TLSServerSettings) throws(TLSMaterialFailure) {
        guard !settings.identities.isEmpty else {
            throw TLSMaterialFailure(reason: "tls of a listener has no certificate, expected at least one")
        }
        var identities: [TLSIdentity] = []
        for files in settings.identities {
            identities.append(
                try TLSMaterial.identity(certificate: files.certificate, key: files.privateKey, ocsp: files.ocsp))
        }
        let now = settings.now()
        let responses = identities.map { $0.ocspResponse?.judgement(beside: $0.certificates, now: now) }
        var warnings = responses.compactMap { $0?.warning }
        if settings.minimumVersion == .v12 {
            warnings += identities.compactMap { $0.cipherWarning(settings.ciphers) }
        }
        outdatedAt = responses.compactMap { $0?.changesAt }.min()
        certificates = identities.compactMap { identity in
            let certificates = identity.certificates
            return certificates.chain.first.map { ($0.der, certificates.facts, certificates.file) }
        }
        context = try SSLContextHandle(minimum: settings.minimumVersion, maximum: settings.maximumVersion)
        self.identities = try IdentityChoice(
            identities,
            stapling: zip(identities, responses).map { $1?.isStapled == true ? $0.ocspResponse?.der : nil })
        applicationProtocols = try ApplicationProtocols.encoded(settings.applicationProtocols)
        ticketKeys = settings.ticketKeys

        var authorities: [TLSCertificate] = []
        for file in settings.clientAuthorities {
            let read = try TLSMaterial.authorities(file)
            authorities += read.certificates
            warnings += read.warnings
        }
        verifier =
            authorities.isEmpty
            ? nil : try CertificateVerifier(authorities: authorities, ofClients: true, now: settings.now)
        self.warnings = warnings

        let raw = context.raw
        try context.set(ciphers: settings.ciphers, groups: settings.groups)
        SSL_CTX_set_options(raw, UInt32(SSL_OP_CIPHER_SERVER_PREFERENCE))
        // Sessions are in the tickets that clients keep, none is kept here.
        SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF)
        SSL_CTX_set_timeout(raw, Self.sessionTimeout.v12)
        SSL_CTX_set_session_psk_dhe_timeout(raw, Self.sessionTimeout.v13)
        SSL_CTX_set_tlsext_ticket_key_cb(raw, Self.sealTicket)
        SSL_CTX_set_select_certificate_cb(raw, Self.selectCertificate)
        if !applicationProtocols.isEmpty { SSL_CTX_set_alpn_select_cb(raw, Self.selectProtocol, nil) }
        if verifier != nil {
            context.verifyPeers()
            Self.name(authorities, raw)
        }
        // A session goes on only where the same is asked of a client as when it began.
        let scope = Self.scope(authorities)
        guard SSL_CTX_set_session_id_context(raw, scope, scope.count) == 1 else { throw TLSMaterialFailure.noMemory }
    }

    /// Why a certificate is not to be served that another context does not have: it is outside its time. One that was
    /// served already, and has expired meanwhile, keeps no other from being renewed.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970-01-01.
    ///   - previous: nil: none is known.
    public func timeFailure(now: Int64, previous: TLSServerContext? = nil) -> TLSMaterialFailure? {
        let known = Set(previous?.certificates.map(\.der) ?? [])
        return certificates.lazy.filter { !known.contains($0.der) }
            .compactMap { $0.facts.timeFailure(now: now, file: $0.file) }.first
    }

    /// Reads the file of ticket keys again, where there is one. Blocks.
    ///
    /// - Throws: `TLSMaterialFailure` for a file that can't be used; the keys read before stay.
    public func reloadTicketKeys() throws(TLSMaterialFailure) { try ticketKeys.reload() }

    // MARK: What BoringSSL asks during a handshake

    private static func of(_ ssl: OpaquePointer?) -> TLSServerContext? {
        guard case .server(let context)? = TLSEndpoint.of(ssl: ssl) else { return nil }
        return context
    }

    private static let selectCertificate:
        @convention(c) (UnsafePointer<SSL_CLIENT_HELLO>?) -> ssl_select_cert_result_t = {
            hello in
            guard let ssl = hello?.pointee.ssl, let context = TLSServerContext.of(ssl) else {
                return ssl_select_cert_error
            }
            let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
            for credential in context.identities.credentials(for: name) {
                guard SSL_add1_credential(ssl, credential.raw) == 1 else { return ssl_select_cert_error }
            }
            return ssl_select_cert_success
        }

    private static let selectProtocol:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
            UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
        ) -> CInt = { ssl, chosen, length, offered, count, _ in
            guard let offered, let context = TLSServerContext.of(ssl),
                let place = ApplicationProtocols.choose(
                    from: context.applicationProtocols,
                    offered: UnsafeBufferPointer(start: offered, count: Int(count)))
            else {
                // Without one in common the connection goes on without: the client decides what it makes of that.
                return SSL_TLSEXT_ERR_NOACK
            }
            chosen?.pointee = offered + place.lowerBound
            length?.pointee = UInt8(clamping: place.count)
            return SSL_TLSEXT_ERR_OK
        }

    private static let sealTicket:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?,
            UnsafeMutablePointer<EVP_CIPHER_CTX>?, UnsafeMutablePointer<HMAC_CTX>?, CInt
        ) -> CInt = { ssl, name, iv, cipher, hmac, isSealing in
            guard let context = TLSServerContext.of(ssl), let name, let iv, let cipher, let hmac else { return -1 }
            let found: (key: TLSTicketKeys.Key, isOld: Bool)?
            if isSealing == 1 {
                found = context.ticketKeys.sealing().map { ($0, false) }
                guard let key = found?.key, RAND_bytes(iv, Int(EVP_MAX_IV_LENGTH)) == 1 else { return 0 }
                name.update(from: key.name, count: key.name.count)
            } else {
                found = context.ticketKeys.opening(UnsafeBufferPointer(start: name, count: 16))
            }
            guard let (key, isOld) = found else { return 0 }
            let algorithm = key.cipherKey.count == 32 ? EVP_aes_256_cbc() : EVP_aes_128_cbc()
            guard EVP_CipherInit_ex(cipher, algorithm, nil, key.cipherKey, iv, isSealing) == 1,
                HMAC_Init_ex(hmac, key.hmacKey, key.hmacKey.count, EVP_sha256(), nil) == 1
            else { return -1 }
            return isOld ? 2 : 1
        }

    // MARK: Client certificates

    private static func name(_ authorities: [TLSCertificate], _ raw: OpaquePointer) {
        let names = authorities.map { $0.subjectBytes }
        guard names.reduce(0, { $0 + $1.count }) <= authorityNamesLimit, let stack = OPENSSL_sk_new_null() else {
            return
        }
        for name in names {
            if let buffer = CRYPTO_BUFFER_new(name, name.count, nil) {
                OPENSSL_sk_push(stack, UnsafeMutableRawPointer(buffer))
            }
        }
        SSL_CTX_set0_client_CAs(raw, stack)
    }

    private static func scope(_ authorities: [TLSCertificate]) -> [UInt8] {
        var text = Array("sluice".utf8)
        for authority in authorities { text += authority.der }
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        SHA256(text, text.count, &digest)
        return digest
    }
}
