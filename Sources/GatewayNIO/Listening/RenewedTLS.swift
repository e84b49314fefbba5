import GatewayConfig
import GatewayTLS
import Synchronization

/// A listener's TLS that follows its files: new handshakes get the certificates that are there now, connections that
/// are open keep theirs. Sessions can be resumed across renewals.
final class RenewedTLS: Sendable {
    /// How often the files are looked at.
    static let interval = Duration.seconds(2)

    private struct State {
        var context: TLSServerContext
        /// What the files looked like when they were last read, whether or not they could be used.
        var stamps: [FileStamp?]
    }

    private let tls: ListenerTLS
    private let settings: TLSServerSettings
    private let state: Mutex<State>

    /// - Throws: `TLSMaterialFailure`.
    init(_ tls: ListenerTLS, protocols: [ApplicationProtocol]) throws {
        self.tls = tls
        settings = try TLSServerSettings(tls, protocols: protocols)
        let stamps = Self.stamps(of: tls)
        state = Mutex(State(context: try TLSServerContext(settings), stamps: stamps))
    }

    /// For handshakes that begin now.
    var context: TLSServerContext { state.withLock { $0.context } }

    /// What became of a look at the files.
    enum Renewal {
        case unchanged
        case renewed
        /// They changed, but can't be used; those read before stay. Told once a change: a certificate and its key are
        /// seldom replaced in the same moment.
        case refused(String)
    }

    /// Looks whether a file has changed, and reads them all if so. Blocks.
    func renew() -> Renewal {
        let stamps = Self.stamps(of: tls)
        guard state.withLock({ $0.stamps != stamps }) else { return .unchanged }
        do {
            let context = try TLSServerContext(settings)
            state.withLock { $0 = State(context: context, stamps: stamps) }
            return .renewed
        } catch {
            state.withLock { $0.stamps = stamps }
            return .refused(error.description)
        }
    }

    private static func stamps(of tls: ListenerTLS) -> [FileStamp?] {
        (tls.certificates.flatMap { [$0.certificate, $0.privateKey] } + (tls.clientCA.map { [$0] } ?? []))
            .map { FileStamp(path: $0) }
    }
}

extension TLSServerSettings {
    /// - Throws: `TLSMaterialFailure`.
    init(_ tls: ListenerTLS, protocols: [ApplicationProtocol]) throws {
        self.init(
            identities: tls.certificates.map { Identity(certificate: $0.certificate, privateKey: $0.privateKey) })
        minimumVersion = tls.minimumVersion == .v13 ? .v13 : .v12
        applicationProtocols = protocols.map(\.rawValue)
        clientAuthorities = tls.clientCA.map { [$0] } ?? []
    }
}
