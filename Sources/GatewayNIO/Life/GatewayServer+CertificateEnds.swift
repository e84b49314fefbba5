import GatewayConfig
import GatewayTLS
public import GatewayTelemetry

extension GatewayServer {
    /// When the certificates end that clients are shown now.
    public var certificateEnds: [CertificateSnapshot] {
        generation.allListeners.flatMap { listener in
            (listener.tls?.context.certificateFacts ?? []).map { facts, _ in
                CertificateSnapshot(
                    listener: listener.configuration.name, name: facts.names.first ?? facts.subject,
                    notAfterSeconds: facts.notAfter)
            }
        }
    }
}
