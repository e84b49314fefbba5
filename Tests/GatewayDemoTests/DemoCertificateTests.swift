import Crypto
import Foundation
import GatewayConfig
import SwiftASN1
import Testing
import X509

@testable import GatewayDemo

@Suite("The demo's certificate")
struct DemoCertificateTests {
    private let hosts = ["localhost", "127.0.0.1", "::1"]
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func withDirectory<R>(_ body: (String) throws -> R) throws -> R {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("sluice-demo-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    private func read(_ files: CertificateFiles) throws -> (Certificate, Certificate.PrivateKey) {
        (
            try Certificate(pemEncoded: String(contentsOfFile: files.certificate, encoding: .utf8)),
            try Certificate.PrivateKey(pemEncoded: String(contentsOfFile: files.privateKey, encoding: .utf8))
        )
    }

    private func mode(_ path: String) throws -> Int? {
        (try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
    }

    @Test("the private key belongs to the certificate, which is signed with it")
    func keyMatches() throws {
        try withDirectory { directory in
            let (certificate, key) = try read(DemoCertificate.make(for: hosts, in: directory, now: now))
            #expect(key.publicKey == certificate.publicKey)
            #expect(certificate.publicKey.isValidSignature(certificate.signature, for: certificate))
            #expect(P256.Signing.PublicKey(certificate.publicKey) != nil, "the key is not on P-256")
        }
    }

    @Test("it names localhost, 127.0.0.1 and ::1, and is no authority")
    func names() throws {
        try withDirectory { directory in
            let (certificate, _) = try read(DemoCertificate.make(for: hosts, in: directory, now: now))
            let names = try #require(try certificate.extensions.subjectAlternativeNames)
            let loopback6: [UInt8] = Array(repeating: 0, count: 15) + [1]
            #expect(
                Array(names) == [
                    .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
                    .ipAddress(ASN1OctetString(contentBytes: loopback6[...])),
                ])
            #expect(try certificate.extensions.basicConstraints == .notCertificateAuthority)
        }
    }

    @Test("names and addresses of other machines' networks go into it, and a long name does not break it")
    func otherHosts() throws {
        try withDirectory { directory in
            let long = String(repeating: "a", count: 60) + ".example"
            let files = try DemoCertificate.make(for: [long, "192.0.2.1", "fd00::2"], in: directory, now: now)
            let (certificate, _) = try read(files)
            let names = try #require(try certificate.extensions.subjectAlternativeNames)
            let address6: [UInt8] = [0xFD] + Array(repeating: 0, count: 14) + [2]
            #expect(
                Array(names) == [
                    .dnsName(long), .ipAddress(ASN1OctetString(contentBytes: [192, 0, 2, 1])),
                    .ipAddress(ASN1OctetString(contentBytes: address6[...])),
                ])
        }
    }

    @Test("it is valid from five minutes ago for 30 days")
    func validity() throws {
        try withDirectory { directory in
            let (certificate, _) = try read(DemoCertificate.make(for: hosts, in: directory, now: now))
            #expect(certificate.notValidBefore == now.addingTimeInterval(-300))
            #expect(certificate.notValidAfter == now.addingTimeInterval(30 * 86_400))
        }
    }

    @Test("only the owner can read the key, and the directory made for it")
    func modes() throws {
        try withDirectory { directory in
            let files = try DemoCertificate.make(for: hosts, in: directory, now: now)
            #expect(try mode(files.privateKey) == 0o600)
            #expect(try mode(directory) == 0o700)
        }
    }

    @Test("files of an earlier demo are replaced, and a link left in their place is not followed")
    func replaced() throws {
        try withDirectory { directory in
            let first = try read(DemoCertificate.make(for: hosts, in: directory, now: now)).0
            let target = directory + "/target"
            let key = directory + "/demo.key"
            try Data("untouched".utf8).write(to: URL(fileURLWithPath: target))
            try FileManager.default.removeItem(atPath: key)
            try FileManager.default.createSymbolicLink(atPath: key, withDestinationPath: target)

            let second = try read(DemoCertificate.make(for: hosts, in: directory, now: now))
            #expect(second.0.serialNumber != first.serialNumber)
            #expect(second.1.publicKey == second.0.publicKey)
            #expect(try String(contentsOfFile: target, encoding: .utf8) == "untouched")
        }
    }

    @Test("a place that cannot be written to is named in the error")
    func unwritable() {
        #expect {
            try DemoCertificate.make(for: hosts, in: "/dev/null/demo", now: now)
        } throws: { error in
            (error as? DemoFileError)?.path == "/dev/null/demo"
        }
    }
}
