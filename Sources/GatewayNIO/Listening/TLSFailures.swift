import GatewayPolicy
import GatewayTLS
import GatewayTelemetry
import NIOCore
import Synchronization

/// Counts the clients whose TLS handshake fails, and logs one of each kind now and then: a scanner, or a fleet of clients
/// with an old list of authorities, would fill the log.
final class TLSFailures: Sendable {
    private struct Kind: Hashable, Sendable {
        var listener: String
        var kind: TLSFailure.Kind
    }

    /// Between two lines of one listener with the same reason.
    private static let interval = TimeAmount.seconds(10)

    private let telemetry: Telemetry
    private let log: LineLog
    private let throttle = Mutex(LineThrottle<Kind>(interval: TLSFailures.interval))

    init(telemetry: Telemetry, log: LineLog) {
        self.telemetry = telemetry
        self.log = log
    }

    /// Any thread, once a connection.
    func note(_ failure: TLSFailure, listener: String, client: ClientAddress, now: NIODeadline = .now()) {
        telemetry.tlsFailed(failure.kind.key, listener: listener)
        // It was answered, and the log has the refusal.
        guard failure.kind != .plainHTTP else { return }
        let kind = Kind(listener: listener, kind: failure.kind)
        guard let leftOut = throttle.withLock({ $0.pass(kind, now: now) }),
            var line = log.begin("TLS handshake failed")
        else { return }
        line.add("listener", listener)
        line.add("client", client.description)
        line.add("error", failure.kind.key)
        line.add("reason", failure.description)
        line.add("left_out", leftOut)
        log.write(line)
    }
}

extension TLSFailure.Kind {
    /// Those that a client of a listener may fail with.
    static let ofClients: [TLSFailure.Kind] = allCases.filter { $0 != .nameMismatch && $0 != .unusableName }

    /// The name that it is counted by.
    var key: String {
        switch self {
        case .plainHTTP: "plain_http"
        case .noTLS: "no_tls"
        case .noCommonVersion: "no_common_version"
        case .noCommonCipher: "no_common_cipher"
        case .noApplicationProtocol: "no_application_protocol"
        case .certificateExpired: "certificate_expired"
        case .certificateNotYetValid: "certificate_not_yet_valid"
        case .selfSigned: "self_signed"
        case .unknownAuthority: "unknown_authority"
        case .nameMismatch: "name_mismatch"
        case .noCertificate: "no_certificate"
        case .untrustedCertificate: "untrusted_certificate"
        case .refusedByPeer: "refused_by_peer"
        case .cutShort: "cut_short"
        case .protocolError: "protocol_error"
        case .unusableName: "unusable_name"
        case .resources: "resources"
        }
    }
}
