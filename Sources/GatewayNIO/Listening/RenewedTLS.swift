import GatewayConfig
import GatewayTLS
import Synchronization

/// A listener's TLS that follows its files: new handshakes get the certificates that are there now, connections that
/// are open keep theirs. Sessions can be resumed across renewals.
final class RenewedTLS: Sendable {
    /// How often the files are looked at.
    static let interval = Duration.seconds(2)

    /// What became of a look at files.
    enum Renewal {
        case unchanged
        /// - Parameter warnings: what is odd about the files, and no reason to refuse them.
        case renewed(warnings: [String])
        /// They changed, but can't be used; those read before stay. News once a reason: a certificate and its key are
        /// seldom replaced in the same moment.
        case refused(TLSMaterialFailure, isNews: Bool)
    }

    /// What files looked like when they were last read, and whether they could be used then.
    private struct Look {
        var stamps: [FileStamp?]
        var failure: TLSMaterialFailure?
    }

    private struct State {
        var context: TLSServerContext
        var certificates: Look
        var ticketKeys: Look
    }

    private let tls: ListenerTLS
    private let settings: TLSServerSettings
    private let state: Mutex<State>

    /// - Parameter previous: whose ticket keys go on, where they come from the same place, so that clients can resume
    ///   their sessions.
    /// - Throws: `TLSMaterialFailure`.
    init(
        _ tls: ListenerTLS, protocols: [ApplicationProtocol], previous: RenewedTLS? = nil
    ) throws(TLSMaterialFailure) {
        self.tls = tls
        let certificates = Look(stamps: tls.materialFiles.map { FileStamp(path: $0) })
        let ticketKeys = Look(stamps: Self.ticketStamps(of: tls))
        let keys: TLSTicketKeys
        if let previous, previous.tls.ticketKeys == tls.ticketKeys {
            keys = previous.ticketKeys
            try keys.reload()
        } else if let file = tls.ticketKeys {
            keys = try TLSTicketKeys(file: file)
        } else {
            keys = TLSTicketKeys()
        }
        settings = TLSServerSettings(tls, protocols: protocols, ticketKeys: keys)
        let context = try TLSServerContext(settings)
        if let failure = context.timeFailure(now: WallClock.seconds()) { throw failure }
        state = Mutex(State(context: context, certificates: certificates, ticketKeys: ticketKeys))
    }

    var ticketKeys: TLSTicketKeys { settings.ticketKeys }

    /// For handshakes that begin now.
    var context: TLSServerContext { state.withLock { $0.context } }

    /// Looks whether a file of certificates, keys, OCSP responses or authorities has changed, and reads them all if so.
    /// Those that could not be used are tried at each look: a certificate that is not valid yet will be. Blocks.
    func renewCertificates() -> Renewal {
        let stamps = tls.materialFiles.map { FileStamp(path: $0) }
        let (known, previous) = state.withLock { ($0.certificates, $0.context) }
        guard known.stamps != stamps || known.failure != nil else { return .unchanged }
        do throws(TLSMaterialFailure) {
            let context = try TLSServerContext(settings)
            if let failure = context.timeFailure(now: WallClock.seconds(), previous: previous) { throw failure }
            state.withLock {
                $0.context = context
                $0.certificates = Look(stamps: stamps)
            }
            return .renewed(warnings: context.warnings)
        } catch {
            state.withLock { $0.certificates = Look(stamps: stamps, failure: error) }
            return .refused(error, isNews: error != known.failure)
        }
    }

    /// Looks whether the file of ticket keys has changed, and reads it if so. Blocks.
    func renewTicketKeys() -> Renewal {
        let stamps = Self.ticketStamps(of: tls)
        let known = state.withLock { $0.ticketKeys }
        guard known.stamps != stamps || known.failure != nil else { return .unchanged }
        do throws(TLSMaterialFailure) {
            try settings.ticketKeys.reload()
            state.withLock { $0.ticketKeys = Look(stamps: stamps) }
            return .renewed(warnings: [])
        } catch {
            state.withLock { $0.ticketKeys = Look(stamps: stamps, failure: error) }
            return .refused(error, isNews: error != known.failure)
        }
    }

    /// The same for whoever can't go on with files that can't be used. Blocks.
    ///
    /// - Throws: `TLSMaterialFailure`; what was read before stays.
    func renewNow() throws(TLSMaterialFailure) {
        for renewal in [renewCertificates(), renewTicketKeys()] {
            if case .refused(let failure, _) = renewal { throw failure }
        }
    }

    private static func ticketStamps(of tls: ListenerTLS) -> [FileStamp?] {
        tls.ticketKeys.map { [FileStamp(path: $0)] } ?? []
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
