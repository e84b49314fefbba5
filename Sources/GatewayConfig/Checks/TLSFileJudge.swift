/// Says what is wrong with files of TLS, as whoever serves them would.
///
/// Reading them is no task of the configuration's: who reads a configuration is given a judge, or none where the files
/// are not to be opened.
public protocol TLSFileJudge: Sendable {
    /// Everything that there is to say about these files; empty: they do. Blocks.
    ///
    /// - Parameter now: what the time of certificates is measured against, in seconds since 1970-01-01.
    func findings(on files: TLSFiles, now: Int64) -> [TLSFinding]
}

/// Files that are judged together.
public enum TLSFiles: Sendable {
    /// A chain, the own certificate first (RFC 8446 §4.4.2), its key, an OCSP response for it, and the cipher suites of
    /// TLS 1.2 that it is to be served with, by OpenSSL's names; none: those that are offered where nothing is set, or
    /// TLS 1.2 is not spoken.
    case identity(certificate: NamedFile, privateKey: NamedFile, ocsp: NamedFile?, ciphers: [String] = [])
    /// Certificates to trust.
    case authorities(NamedFile)
    /// What session tickets are sealed with.
    case ticketKeys(NamedFile)
}

/// A file, and how it is called.
public struct NamedFile: Sendable {
    /// Absolute.
    public var path: String
    /// For messages, such as "\"tls/site.pem\"".
    public var shown: String

    public init(path: String, shown: String) {
        self.path = path
        self.shown = shown
    }
}

/// What there is to say about a file of TLS.
public struct TLSFinding: Equatable, Sendable {
    /// The file that is to be corrected, by what it is there for.
    public enum Part: Sendable {
        case certificate
        case privateKey
        case ocsp
        case authorities
        case ticketKeys
    }

    /// An error: the files can't be used.
    public var severity: ConfigurationIssue.Severity
    public var part: Part
    /// One sentence, which names the file. Nothing of a key is in it.
    public var message: String

    public init(_ severity: ConfigurationIssue.Severity, _ part: Part, _ message: String) {
        self.severity = severity
        self.part = part
        self.message = message
    }
}
