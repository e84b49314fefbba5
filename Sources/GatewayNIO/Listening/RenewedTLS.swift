import GatewayConfig
import GatewayTLS

/// A listener's TLS that follows its files: new handshakes get the certificates that are there now, connections that
/// are open keep theirs. Sessions can be resumed across renewals.
final class RenewedTLS: Sendable {
    /// How often the files are looked at.
    static let interval = Duration.seconds(2)

    typealias Renewal = TLSRenewal

    private let tls: ListenerTLS
    private let settings: TLSServerSettings
    private let contexts: FollowedFiles<TLSServerContext>
    private let ticketFile: FollowedFiles<TLSTicketKeys>

    /// - Parameter previous: whose ticket keys go on, where they come from the same place, so that clients can resume
    ///   their sessions.
    /// - Throws: `TLSMaterialFailure`.
    init(
        _ tls: ListenerTLS, protocols: [ApplicationProtocol], previous: RenewedTLS? = nil
    ) throws(TLSMaterialFailure) {
        self.tls = tls
        let shared = previous.flatMap { $0.tls.ticketKeys == tls.ticketKeys ? $0.ticketKeys : nil }
        ticketFile = try FollowedFiles(tls.ticketKeys.map { [$0] } ?? []) { known throws(TLSMaterialFailure) in
            if let keys = known ?? shared {
                try keys.reload()
                return (keys, keys.warnings)
            }
            let keys = try tls.ticketKeys.map { file throws(TLSMaterialFailure) in try TLSTicketKeys(file: file) }
            return (keys ?? TLSTicketKeys(), keys?.warnings ?? [])
        }
        let settings = TLSServerSettings(tls, protocols: protocols, ticketKeys: ticketFile.value)
        self.settings = settings
        contexts = try FollowedFiles(tls.materialFiles) { known throws(TLSMaterialFailure) in
            let context = try TLSServerContext(settings)
            if let failure = context.timeFailure(now: WallClock.seconds(), previous: known) { throw failure }
            return (context, context.warnings)
        }
    }

    var ticketKeys: TLSTicketKeys { settings.ticketKeys }

    /// For handshakes that begin now.
    var context: TLSServerContext { contexts.value }

    /// Looks whether a file of certificates, keys, OCSP responses or authorities has changed, or an OCSP response is not
    /// to be stapled any more, and reads them all if so. Blocks.
    func renewCertificates() -> Renewal {
        let now = WallClock.seconds()
        return contexts.renew { $0.outdatedAt.map { now >= $0 } ?? false }
    }

    /// Looks whether the file of ticket keys has changed, and reads it if so. Blocks.
    func renewTicketKeys() -> Renewal { ticketFile.renew() }

    /// The same for whoever can't go on with files that can't be used. Blocks.
    ///
    /// - Throws: `TLSMaterialFailure`; what was read before stays.
    func renewNow() throws(TLSMaterialFailure) {
        for renewal in [renewCertificates(), renewTicketKeys()] {
            if case .refused(let failure, _) = renewal { throw failure }
        }
    }
}

extension TLSServerSettings {
    init(_ tls: ListenerTLS, protocols: [ApplicationProtocol], ticketKeys: TLSTicketKeys) {
        self.init(
            identities: tls.certificates.map {
                Identity(certificate: $0.certificate, privateKey: $0.privateKey, ocsp: $0.ocsp)
            }, ticketKeys: ticketKeys)
        minimumVersion = tls.minimumVersion == .v13 ? .v13 : .v12
        ciphers = tls.ciphers.map(\.rawValue)
        groups = tls.groups.map(TLSGroup.init)
        applicationProtocols = protocols.map(\.rawValue)
        clientAuthorities = tls.clientCA.map { [$0] } ?? []
    }
}

extension TLSGroup {
    init(_ group: KeyExchangeGroup) {
        self =
            switch group {
            case .x25519MLKEM768: .x25519MLKEM768
            case .x25519: .x25519
            case .p256: .p256
            case .p384: .p384
            case .p521: .p521
            }
    }
}
