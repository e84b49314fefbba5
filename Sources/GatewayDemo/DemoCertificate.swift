import Crypto
import Foundation
import GatewayConfig
import SwiftASN1
import X509

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A self-signed certificate for this machine, made anew for each demo, so that none is shared or kept.
public enum DemoCertificate {
    /// How long the certificate is valid after it was made, in days.
    public static let validDays = 30

    /// Makes an EC P-256 key and a certificate for `localhost`, `127.0.0.1` and `::1` (RFC 5280 §4.2.1.6), and
    /// writes both as PEM: `localhost.pem`, and `localhost.key` that only its owner can read.
    ///
    /// Files of these names are replaced. The directory is made when it is missing, with mode 0700.
    ///
    /// - Parameters:
    ///   - directory: Where the files go; the paths in the result are absolute.
    ///   - now: The certificate is valid from five minutes before, for clocks that differ, until 30 days after.
    /// - Throws: `DemoFileError` when a file cannot be written, with the path and the system's reason.
    public static func make(in directory: String, now: Date) throws -> CertificateFiles {
        let folder = URL(fileURLWithPath: directory, isDirectory: true).standardizedFileURL
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DemoFileError(path: folder.path, reason: String(describing: error))
        }

        let key = P256.Signing.PrivateKey()
        let certificate = try selfSigned(key: Certificate.PrivateKey(key), now: now)
        let files = CertificateFiles(
            certificate: folder.appendingPathComponent("localhost.pem").path,
            privateKey: folder.appendingPathComponent("localhost.key").path)
        try write(certificate.serializeAsPEM().pemString + "\n", to: files.certificate, mode: 0o644)
        try write(key.pemRepresentation + "\n", to: files.privateKey, mode: 0o600)
        return files
    }

    private static func selfSigned(key: Certificate.PrivateKey, now: Date) throws -> Certificate {
        let name = try DistinguishedName {
            CommonName("localhost")
            OrganizationName("Sluice demo")
        }
        var loopback6 = [UInt8](repeating: 0, count: 16)
        loopback6[15] = 1
        // Browsers take a self-signed leaf once its user accepts it; `isCertificateAuthority` stays off, so
        // that trusting it never means trusting whatever its key signs.
        return try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: key.publicKey,
            notValidBefore: now.addingTimeInterval(-300),
            notValidAfter: now.addingTimeInterval(Double(validDays) * 86_400),
            issuer: name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames([
                    .dnsName("localhost"),
                    .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
                    .ipAddress(ASN1OctetString(contentBytes: loopback6[...])),
                ])
            },
            issuerPrivateKey: key)
    }

    /// Makes the file with its final mode: a key that is readable first and protected afterwards can be read
    /// in between. `O_EXCL` also refuses to follow a link that someone else left there.
    private static func write(_ text: String, to path: String, mode: mode_t) throws {
        if unlink(path) != 0, errno != ENOENT {
            throw DemoFileError(path: path, reason: String(cString: strerror(errno)))
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw DemoFileError(path: path, reason: String(cString: strerror(errno)))
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data(text.utf8))
            try file.close()
        } catch {
            throw DemoFileError(path: path, reason: String(describing: error))
        }
    }
}

/// A file of the demo could not be written.
public struct DemoFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file or directory.
    public let path: String
    /// The system's reason.
    public let reason: String

    public var description: String {
        "cannot write \(path): \(reason); the demo needs a directory it may write to"
    }
}
