internal import CNIOBoringSSL

/// What all connections to an upstream's servers have in common: whom they trust, what they offer, and the sessions that
/// can be resumed.
///
/// Immutable, but for the sessions; shared by all threads. Files that have changed are followed by making another.
public final class TLSClientContext: Sendable {
    let context: SSLContextHandle
    /// nil: certificates are not verified.
    let verifier: CertificateVerifier?
    let sessions = SessionCache()
    private let settings: TLSClientSettings
    private let credential: TLSCredential?
    /// Of the own certificate.
    private let time: (facts: TLSCertificateFacts, file: String)?

    /// What is odd about the files, and no reason to refuse them.
    public let warnings: [String]

    /// Reads the files. Blocks.
    ///
    /// - Throws: `TLSMaterialFailure` for the first file or setting that can't be used.
    public convenience init(_ settings: TLSClientSettings) throws(TLSMaterialFailure) {
        var warnings: [String] = []
        var verifier: CertificateVerifier?
        if settings.verifies {
            switch settings.authorities {
            case .system: verifier = try SystemAuthorities.verifier()
            case .files(let files):
                var authorities: [TLSCertificate] = []
                for file in files {
                    let read = try TLSMaterial.authorities(file)
                    authorities += read.certificates
                    warnings += read.warnings
                }
                verifier = try CertificateVerifier(
                    authorities: authorities, ofClients: false, now: settings.now)
            }
        }
        var credential: TLSCredential?
        var time: (facts: TLSCertificateFacts, file: String)?
        if let files = settings.identity {
            let identity = try TLSMaterial.identity(certificate: files.certificate, key: files.privateKey)
            credential = try TLSCredential(identity, stapling: nil)
            time = (identity.certificates.facts, identity.certificates.file)
        }
        try self.init(settings, verifier: verifier, credential: credential, time: time, warnings: warnings)
    }

    private init(
        _ settings: TLSClientSettings, verifier: CertificateVerifier?, credential: TLSCredential?,
        time: (facts: TLSCertificateFacts, file: String)?, warnings: [String]
    ) throws(TLSMaterialFailure) {
        self.settings = settings
        self.verifier = verifier
        self.credential = credential
        self.time = time
        self.warnings = warnings
        context = try SSLContextHandle(
            minimum: settings.minimumVersion, maximum: settings.maximumVersion, signatures: settings.signatures)
        let raw = context.raw
        try context.set(ciphers: settings.ciphers, groups: settings.groups)
        if settings.asksForStatus { SSL_CTX_enable_ocsp_stapling(raw) }
        if verifier != nil {
            context.verifyPeers()
            // The certificate of a session may have expired since.
            SSL_CTX_set_reverify_on_resume(raw, 1)
        }
        if let credential, SSL_CTX_add1_credential(raw, credential.raw) != 1 { throw TLSMaterialFailure.noMemory }
        let protocols = try ApplicationProtocols.encoded(settings.applicationProtocols).flatMap { $0 }
        // It returns 0 for success.
        guard protocols.isEmpty || SSL_CTX_set_alpn_protos(raw, protocols, protocols.count) == 0 else {
            throw TLSMaterialFailure.noMemory
        }
        SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL)
        SSL_CTX_sess_set_new_cb(raw) { ssl, session in
            guard case .client(let context, let target)? = TLSEndpoint.of(ssl: ssl), let session else { return 0 }
            context.sessions.keep(session, for: target.key)
            return 1
        }
    }

    /// Why the own certificate is not to be shown: it is outside its time; nil: it is not, or there is none.
    ///
    /// - Parameter now: seconds since 1970-01-01.
    public func timeFailure(now: Int64) -> TLSMaterialFailure? {
        time.flatMap { $0.facts.timeFailure(now: now, file: $0.file) }
    }

    /// The same, but for what is offered by ALPN: with the authorities and the certificate that were read.
    ///
    /// - Throws: `TLSMaterialFailure` for a protocol's name that is empty or too long.
    public func offering(_ applicationProtocols: [String]) throws(TLSMaterialFailure) -> TLSClientContext {
        var settings = settings
        settings.applicationProtocols = applicationProtocols
        return try TLSClientContext(
            settings, verifier: verifier, credential: credential, time: time, warnings: warnings)
    }
}
