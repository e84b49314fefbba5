import GatewayConfig
import NIOSSL
import Synchronization

/// A listener's TLS that follows its files: new handshakes get the certificates that are there now, connections that
/// are open keep theirs.
final class RenewedTLS: Sendable {
    /// How often the files are looked at.
    static let interval = Duration.seconds(2)

    private struct State {
        var contexts: TLSContexts
        /// What the files looked like when they were last read, whether or not they could be used.
        var stamps: [FileStamp?]
    }

    private let tls: ListenerTLS
    private let protocols: [ApplicationProtocol]
    private let state: Mutex<State>

    /// - Throws: what NIOSSL says of a certificate or key.
    init(_ tls: ListenerTLS, protocols: [ApplicationProtocol]) throws {
        self.tls = tls
        self.protocols = protocols
        let stamps = Self.stamps(of: tls)
        state = Mutex(State(contexts: try TLSContexts(tls, protocols: protocols), stamps: stamps))
    }

    func makeHandler() -> NIOSSLServerHandler { state.withLock { $0.contexts }.makeHandler() }

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
            let contexts = try TLSContexts(tls, protocols: protocols)
            state.withLock { $0 = State(contexts: contexts, stamps: stamps) }
            return .renewed
        } catch {
            state.withLock { $0.stamps = stamps }
            return .refused(TLSMaterialFailure.text(for: error))
        }
    }

    private static func stamps(of tls: ListenerTLS) -> [FileStamp?] {
        (tls.certificates.flatMap { [$0.certificate, $0.privateKey] } + (tls.clientCA.map { [$0] } ?? []))
            .map { FileStamp(path: $0) }
    }
}
