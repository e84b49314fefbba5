import Synchronization

/// What is counted of a listener's clients before any route has to do with them, by the listener's name. Any thread.
final class ListenerCounters: Sendable {
    private struct Counts: Sendable {
        var rejected = BoundedTally(maximumNames: Telemetry.maximumRejectionKeys)
        var tlsFailures = BoundedTally(maximumNames: 32)
        var knownTLSFailures: [String] = []
    }

    private let byName = Mutex<[String: Counts]>([:])

    /// The listener counts from 0, unless it has counted before.
    func expect(_ listener: String, tlsFailures: [String]) {
        byName.withLock { $0[listener, default: Counts()].knownTLSFailures = tlsFailures }
    }

    func rejected(_ key: String, listener: String) {
        byName.withLock { $0[listener, default: Counts()].rejected.add(key) }
    }

    func tlsFailed(_ key: String, listener: String) {
        byName.withLock { $0[listener, default: Counts()].tlsFailures.add(key) }
    }

    func snapshots(_ certificates: [CertificateSnapshot]) -> [String: ListenerSnapshot] {
        let shown = Dictionary(grouping: certificates) { $0.listener }
        return byName.withLock { counts in
            Dictionary(
                uniqueKeysWithValues: counts.map { name, counts in
                    (
                        name,
                        ListenerSnapshot(
                            rejectedTotal: counts.rejected.counts, tlsFailuresTotal: counts.tlsFailures.counts,
                            certificates: shown[name] ?? [], knownTLSFailures: counts.knownTLSFailures)
                    )
                })
        }
    }
}

/// One listener: its clients that got nowhere, and what it shows them.
public struct ListenerSnapshot: Encodable, Equatable, Sendable {
    /// Refused before the upgrade, by reason.
    public var rejectedTotal: [String: UInt64]
    /// Clients whose TLS handshake failed, by reason.
    public var tlsFailuresTotal: [String: UInt64]
    /// In the order of the configuration.
    public var certificates: [CertificateSnapshot]
    /// Reasons for ``tlsFailuresTotal`` that may still come.
    var knownTLSFailures: [String]

    enum CodingKeys: String, CodingKey {
        case certificates
        case rejectedTotal = "rejected_total"
        case tlsFailuresTotal = "tls_failures_total"
    }
}

/// A certificate that clients of a listener are shown.
public struct CertificateSnapshot: Encodable, Equatable, Sendable {
    /// Not encoded: the snapshot is in the listener's.
    var listener: String
    /// The first name of the subject alternative name, or the subject where there is none.
    public var name: String
    /// The last second that it is valid in, since 1970.
    public var notAfterSeconds: Int64

    public init(listener: String, name: String, notAfterSeconds: Int64) {
        self.listener = listener
        self.name = name
        self.notAfterSeconds = notAfterSeconds
    }

    enum CodingKeys: String, CodingKey {
        case name
        case notAfterSeconds = "not_after_seconds"
    }
}
