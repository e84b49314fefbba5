import Crypto
import Foundation
import GatewayConfig
import SwiftASN1
import X509

/// Certificates that are their own authorities.
enum SelfSigned {
    /// Writes one, and its key, into a folder, in the place of those of that name.
    ///
    /// - Parameters:
    ///   - file: the name of both files without extension, and the common name.
    ///   - seconds: from now, that it is valid in.
    static func write(
        _ file: String, names: [String], in directory: URL, seconds: ClosedRange<Double> = -300...2_592_000
    ) throws -> CertificateFiles {
        let key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName { CommonName(file) }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date() + seconds.lowerBound,
            notValidAfter: Date() + seconds.upperBound, issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: .init { SubjectAlternativeNames(names.map(GeneralName.dnsName)) },
            issuerPrivateKey: .init(key))
        let files = CertificateFiles(
            certificate: directory.appendingPathComponent("\(file).pem").path,
            privateKey: directory.appendingPathComponent("\(file).key").path)
        try Data(certificate.serializeAsPEM().pemString.utf8).write(
            to: URL(fileURLWithPath: files.certificate), options: .atomic)
        try Data(key.pemRepresentation.utf8).write(to: URL(fileURLWithPath: files.privateKey), options: .atomic)
        return files
    }
}
