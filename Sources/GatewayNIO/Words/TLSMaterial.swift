import GatewayConfig
import NIOCore
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads the files of TLS, and says of each that does not do which it is and what is wrong with it.
enum TLSMaterial {
    /// - Throws: `TLSMaterialFailure`.
    static func certificates(in path: String) throws(TLSMaterialFailure) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            if !certificates.isEmpty { return certificates }
        } catch {}
        throw TLSMaterialFailure(
            description: unusable(path, "expected PEM certificates in", "found none that is whole"))
    }

    /// Why a key does not parse is not told: the reason might quote it.
    ///
    /// - Throws: `TLSMaterialFailure`.
    static func privateKey(in path: String) throws(TLSMaterialFailure) -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw TLSMaterialFailure(
                description: unusable(path, "expected a PEM private key without a passphrase in", "found none"))
        }
    }

    /// A context of these settings.
    ///
    /// - Parameters:
    ///   - files: the certificate and key that it shows first; nil: none.
    ///   - authorities: the file of those it trusts; nil: the system's.
    /// - Throws: `TLSMaterialFailure`.
    static func context(
        _ settings: TLSConfiguration, files: CertificateFiles?, authorities: String?
    ) throws(TLSMaterialFailure) -> NIOSSLContext {
        // NIOSSL's own words are the same for every file.
        if let authorities { _ = try certificates(in: authorities) }
        do {
            return try NIOSSLContext(configuration: settings)
        } catch {
            // Each has been read by itself already.
            guard case NIOSSLError.failedToLoadPrivateKey = error, let files else {
                throw TLSMaterialFailure(description: TLSMaterialFailure.text(for: error))
            }
            throw TLSMaterialFailure(
                description: "the private key in \(files.privateKey) belongs to another certificate than the first in"
                    + " \(files.certificate); replace both, or put the key's certificate first")
        }
    }

    /// The system's reason where the file can't be read, else what was found in it.
    private static func unusable(_ path: String, _ expected: String, _ found: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            return switch errno {
            case ENOENT: "\(expected) \(path), found no such file"
            case EACCES, EPERM: "\(expected) \(path), which the process may not read; correct its owner or mode"
            case let code:
                "\(expected) \(path), which can't be read: \(SystemErrorText.shortage(code) ?? SystemErrorText.words(code))"
            }
        }
        close(descriptor)
        return "\(expected) \(path), \(found)"
    }
}

/// Why certificates, keys or trusted authorities can't be used, in an operator's words.
public struct TLSMaterialFailure: WordedError {
    public let description: String

    /// One sentence. No text of NIOSSL or of the build is in it, and nothing of a key.
    public static func text(for error: any Error) -> String {
        switch error {
        case let error as any WordedError: error.description
        case let error as IOError:
            SystemErrorText.shortage(error.errnoCode)
                ?? "a file of TLS can't be read: \(SystemErrorText.words(error.errnoCode))"
        case NIOSSLError.noSuchFilesystemObject: "a file of TLS does not exist"
        case NIOSSLError.failedToLoadCertificate: "a certificate can't be used; expected PEM"
        case NIOSSLError.failedToLoadPrivateKey: "a private key can't be used; expected PEM without a passphrase"
        default:
            if let name = TLSReason.name(of: error) {
                "the TLS settings can't be used: \(TLSReason.words(name))"
            } else {
                "the TLS settings can't be used"
            }
        }
    }
}
