import GatewayConfig
import GatewayTLS

extension GatewayServer {
    /// A certificate that a listener shows now.
    public struct ShownCertificate: Encodable, Equatable, Sendable {
        public var listener: String
        /// An absolute path.
        public var file: String
        /// DNS names of the subject alternative name.
        public var names: [String]
        public var subject: String
        public var issuer: String
        /// Seconds since 1970.
        public var notBefore: Int64
        public var notAfter: Int64

        enum CodingKeys: String, CodingKey {
            case listener, file, names, subject, issuer
            case notBefore = "not_before"
            case notAfter = "not_after"
        }
    }

    /// Those of all listeners, in the order of the configuration: the files may have changed since, without being usable.
    public var shownCertificates: [ShownCertificate] {
        generation.allListeners.flatMap { listener in
            (listener.tls?.context.certificateFacts ?? []).map { facts, file in
                ShownCertificate(
                    listener: listener.configuration.name, file: Self.path(file), names: facts.names,
                    subject: facts.subject,
                    issuer: facts.issuer, notBefore: facts.notBefore, notAfter: facts.notAfter)
            }
        }
    }

    /// Messages have a file's path in quotes.
    private static func path(_ file: String) -> String {
        file.hasPrefix("\"") && file.hasSuffix("\"") && file.count > 1 ? String(file.dropFirst().dropLast()) : file
    }
}
