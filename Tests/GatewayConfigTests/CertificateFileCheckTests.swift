import Crypto
import Foundation
import SwiftASN1
import Testing
import X509

@Suite struct CertificateFileCheckTests {
    let directory: TemporaryDirectory
    let key = P256.Signing.PrivateKey()

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func certificate(from: TimeInterval = -1000, to: TimeInterval = 1000) throws -> String {
        let name = try DistinguishedName { CommonName("localhost") }
        let key = Certificate.PrivateKey(key)
        return try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: newYear + from,
            notValidAfter: newYear + to, issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: .init(), issuerPrivateKey: key
        ).serializeAsPEM().pemString
    }

    /// The problems of a listener with the certificate `a.pem` and the key `a.key`.
    private func check(_ certificate: String, _ key: String, more: String = "") throws -> [String] {
        try directory.write("a.pem", certificate)
        try directory.write("a.key", key)
        let text = Section.listener.file(
            with: "tls:\n  certificates:\n    - certificate: a.pem\n      private_key: a.key\n  \(more)")
        return problems(text, directory: directory.path, checkFiles: true)
    }

    @Test func aCertificateWithItsKeyIsAccepted() throws {
        #expect(try check(certificate(), key.pemRepresentation) == [])
        #expect(try check("a comment\n" + certificate() + "\n" + certificate(), key.pemRepresentation) == [])
        #expect(
            try check(
                certificate(),
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + key.pemRepresentation
            ) == [])
    }

    @Test func aCertificateOutsideItsTimeIsRefused() throws {
        #expect(
            try check(certificate(to: -1), key.pemRepresentation) == [
                "6:24: error: the certificate in \"a.pem\" expired on 2025-12-31"
            ])
        #expect(
            try check(certificate(from: 86_400, to: 90_000), key.pemRepresentation) == [
                "6:24: error: the certificate in \"a.pem\" is not valid before 2026-01-02"
            ])
    }

    @Test func aKeyOfAnotherCertificateIsRefused() throws {
        let other = P256.Signing.PrivateKey()
        #expect(
            try check(certificate(), other.pemRepresentation) == [
                "7:24: error: the private key in \"a.key\" belongs to another certificate than \"a.pem\""
            ])
        let ed25519 = Certificate.PrivateKey(Curve25519.Signing.PrivateKey())
        #expect(
            try check(certificate(), ed25519.serializeAsPEM().pemString) == [
                "7:24: error: the private key in \"a.key\" belongs to another certificate than \"a.pem\""
            ])
    }

    @Test func theServersCertificateComesFirst() throws {
        let otherKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("authority") }
        let authority = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: otherKey.publicKey, notValidBefore: newYear - 10,
            notValidAfter: newYear + 10, issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: .init(), issuerPrivateKey: otherKey
        ).serializeAsPEM().pemString
        #expect(
            try check(authority + "\n" + certificate(), key.pemRepresentation) == [
                "6:24: error: the certificate of the private key in \"a.key\" has to be the first in \"a.pem\""
            ])
    }

    @Test func aFileThatIsNotPEMIsRefused() throws {
        #expect(
            try check("hello", "hello") == [
                "6:24: error: expected PEM certificates in \"a.pem\", found none",
                "7:24: error: expected a PEM private key in \"a.key\", found none",
            ])
        let damaged = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----"
        let found = try check(damaged, "-----BEGIN PRIVATE KEY-----\nMIIBAAAA\n-----END PRIVATE KEY-----")
        #expect(found.count == 2)
        #expect(found.first?.hasPrefix("6:24: error: certificate 1 of 1 in \"a.pem\" is damaged: ") == true)
        #expect(found.last?.hasPrefix("7:24: error: the private key in \"a.key\" is damaged, encrypted or") == true)
        #expect(
            try check(certificate(), "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----")
                == [
                    "7:24: error: the private key in \"a.key\" is encrypted; store it without a passphrase"
                ])
    }

    @Test func aFileThatIsMissingIsRefused() throws {
        #expect(
            try check(certificate(), key.pemRepresentation, more: "client_ca: none.pem") == [
                "8:18: error: the file \"none.pem\" could not be opened: No such file or directory"
            ])
        let upstream = Section.upstream.file(with: "tls: { ca: none.pem }")
        #expect(
            problems(upstream, directory: directory.path, checkFiles: true) == [
                "4:16: error: the file \"none.pem\" could not be opened: No such file or directory"
            ])
    }
}
