import Crypto
import Foundation
import GatewayConfig
import SwiftASN1
import X509

/// A self-signed certificate for this machine, made anew for each demo, so that none is shared or kept.
public enum DemoCertificate {
    /// How long the certificate is valid after it was made, in days.
    public static let validDays = 30

    /// Makes an EC P-256 key and a certificate for these hosts (RFC 5280 §4.2.1.6), and writes both as PEM:
    /// `demo.pem`, and `demo.key` that only its owner can read.
    ///
    /// Files of these names are replaced. The directory is made when it is missing, with mode 0700.
    ///
    /// - Parameters:
    ///   - hosts: Names, and IP addresses without brackets. The first is the subject's common name.
    ///   - directory: Where the files go; the paths in the result are absolute.
    ///   - now: The certificate is valid from five minutes before, for clocks that differ, until 30 days after.
    /// - Throws: `DemoFileError` when a file cannot be written, with the path and the system's reason.
    public static func make(for hosts: [String], in directory: String, now: Date) throws -> CertificateFiles {
        let folder = URL(fileURLWithPath: directory, isDirectory: true).standardizedFileURL
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DemoFileError(path: folder.path, reason: String(describing: error))
        }

        let key = P256.Signing.PrivateKey()
        let certificate = try selfSigned(for: hosts, key: Certificate.PrivateKey(key), now: now)
        let files = CertificateFiles(
            certificate: folder.appendingPathComponent("demo.pem").path,
            privateKey: folder.appendingPathComponent("demo.key").path)
        try DemoFile.write(certificate.serializeAsPEM().pemString + "\n", to: files.certificate, mode: 0o644)
        try DemoFile.write(key.pemRepresentation + "\n", to: files.privateKey, mode: 0o600)
        return files
    }

    private static func selfSigned(
        for hosts: [String], key: Certificate.PrivateKey, now: Date
    ) throws -> Certificate {
        // A common name has 64 characters at most (RFC 5280 §A.1). Clients read the alternative names alone.
        let common = hosts.first.flatMap { $0.utf8.count <= 64 ? $0 : nil } ?? "localhost"
        let name = try DistinguishedName {
            CommonName(common)
            OrganizationName("Sluice demo")
        }
        let names: [GeneralName] = hosts.map { host in
            IPPrefix(host).map { .ipAddress(ASN1OctetString(contentBytes: $0.bytes[...])) } ?? .dnsName(host)
        }
        // Browsers take a self-signed leaf once its user accepts it; `isCertificateAuthority` stays off, so
        // that trusting it never means trusting whatever its key signs.
        return try Certificate(
            version: .v3,
            serialNumber: serialNumber(),
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
                SubjectAlternativeNames(names)
            },
            issuerPrivateKey: key)
    }

    /// 20 octets with the sign would be the most (RFC 5280 §4.1.2.2): twenty random ones need one more in half of all cases.
    private static func serialNumber() -> Certificate.SerialNumber {
        Certificate.SerialNumber(bytes: (0..<16).map { _ in UInt8.random(in: .min ... .max) })
    }
}
