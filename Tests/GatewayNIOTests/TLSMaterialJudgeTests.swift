import Foundation
import GatewayConfig
import Testing

@testable import GatewayNIO
@testable import GatewayTLS

/// `check`, a start and a renewal say the same of the same files.
@Suite("Files of TLS, judged as they are served")
final class TLSMaterialJudgeTests {
    private let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-judge-\(UUID().uuidString)")
    private let good: CertificateFiles
    private let certificate: String
    private let key: String

    init() throws {
        // What everyone can read is warned of.
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        good = try SelfSigned.write("good", names: ["localhost"], in: directory)
        certificate = try String(contentsOfFile: good.certificate, encoding: .utf8)
        key = try String(contentsOfFile: good.privateKey, encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func path(_ file: String) -> String { directory.appendingPathComponent(file).path }

    private func write(_ file: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path(file)), options: .atomic)
    }

    /// Puts good files where the odd ones will be.
    private func putGood() throws {
        for file in ["site.pem", "site.key", "ca.pem"] { try? FileManager.default.removeItem(atPath: path(file)) }
        try write("site.pem", Array(certificate.utf8))
        try write("site.key", Array(key.utf8))
        try write("ca.pem", Array(certificate.utf8))
    }

    private func text(upstream: Bool) -> String {
        let files =
            upstream
            ? "certificate: \"%/site.pem\", private_key: \"%/site.key\", ca: \"%/ca.pem\""
            : "certificates: [{ certificate: \"%/site.pem\", private_key: \"%/site.key\" }], client_ca: \"%/ca.pem\""
        let tls = ", tls: { \(files.replacing("%", with: directory.path)) }"
        return """
            listeners: [{ name: a, address: "127.0.0.1:0"\(upstream ? "" : tls) }]
            routes: [{ name: a, upstream: a }]
            upstreams: [{ name: a, servers: [{ address: "127.0.0.1:1" }]\(upstream ? tls : "") }]
            """
    }

    /// What `check` says first, an error or a warning; nil: nothing.
    private func checked(upstream: Bool) -> String? {
        do {
            return try ConfigurationFile.parse(
                text(upstream: upstream), file: "test.yaml", directory: "/", environment: [:], now: Date(),
                judge: TLSMaterialJudge()
            ).warnings.first.map { "warning: \($0.message)" }
        } catch {
            return error.errors.first?.message
        }
    }

    private func refusal(_ body: () throws -> String?) -> String? {
        do {
            return try body()
        } catch let error as TLSMaterialError {
            return error.reason
        } catch {
            return "\(error)"
        }
    }

    enum File: String, Sendable { case certificate = "site.pem", key = "site.key", authorities = "ca.pem" }

    /// What is made of the good file's text.
    enum Content: Sendable {
        case good
        case expired
        case ofTheFuture
        case missing
        case folder
        case replaced(String, with: String)
        case between(String, String)
        case bytes(before: [UInt8])
        case only(String)
        case long
        case twice
    }

    private func put(_ content: Content, as file: File) throws {
        let path = path(file.rawValue)
        let text = file == .key ? key : certificate
        switch content {
        case .good: break
        case .expired, .ofTheFuture:
            let seconds = if case .expired = content { -500.0 ... -400.0 } else { 400.0...500.0 }
            let files = try SelfSigned.write("other", names: [], in: directory, seconds: seconds)
            try write("site.pem", Array(Data(contentsOf: URL(fileURLWithPath: files.certificate))))
            try write("site.key", Array(Data(contentsOf: URL(fileURLWithPath: files.privateKey))))
        case .missing: try FileManager.default.removeItem(atPath: path)
        case .folder:
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        case .replaced(let old, let new):
            try #require(text.contains(old))
            try write(file.rawValue, Array(text.replacing(old, with: new).utf8))
        case .between(let before, let after): try write(file.rawValue, Array((before + text + after).utf8))
        case .bytes(let before): try write(file.rawValue, before + Array(text.utf8))
        case .only(let text): try write(file.rawValue, Array(text.utf8))
        case .long: try write(file.rawValue, Array(text.utf8) + [UInt8](repeating: 0x20, count: 1024 * 1024))
        case .twice:
            let bare = text.trimmingCharacters(in: .newlines)
            try write(file.rawValue, Array((bare + bare).utf8))
        }
    }

    private static let damaged = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n"
    private static let strange = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIC481JEFrOkcsYEuWGcBiCSNn/2aKq27xf4qlwU0M/pZoAoGCCqGSM49
        AwEHoUQDQgAE8t4GEetBS+q6eOfsPgzKijSZAkOSpM00rJP8Ou6FCI497stOCP5+
        go7paX+qdbm4hP2M68At2WOMhBRTlgn08g==
        -----END EC PRIVATE KEY-----
        """
    /// Made by openssl req -set_serial -255, valid until 2126.
    private static let negativeSerial = """
        -----BEGIN CERTIFICATE-----
        MIIBdzCCAR2gAwIBAgIC/wEwCgYIKoZIzj0EAwIwDjEMMAoGA1UEAwwDb2RkMCAX
        DTI2MTEyOTEwNTE0OVoYDzIxMjYxMTA1MTA1MTQ5WjAOMQwwCgYDVQQDDANvZGQw
        WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARV6E5hBHP9Bm5gQPmHWVN2YT0sJtri
        O3Jx+89/L9OUr/sdW0WdReVe3TuKoAg4ifw0TQPAoI1cU44QwYcoAHAao2kwZzAd
        BgNVHQ4EFgQU3Q1ZkkjpkXddXQ4sXuMN6+lknccwHwYDVR0jBBgwFoAU3Q1Zkkjp
        kXddXQ4sXuMN6+lknccwDwYDVR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglhLmV4
        YW1wbGUwCgYIKoZIzj0EAwIDSAAwRQIhAMid/DFDbY83SV1K6Dp6sAFlRv+cr9Qx
        W0DfLlWLd84CAiAlt1JIbiSCSjcdHop7U7DvGyRnoTAOG3QMGxFD7jNc+w==
        -----END CERTIFICATE-----

        """

    /// - Parameter expected: a part of the sentence; nil: the files do.
    @Test(
        "a file gets one verdict, in one sentence",
        arguments: [
            (File.certificate, Content.good, nil),
            (.certificate, .twice, nil),
            (.certificate, .replaced("\n", with: "\r\n"), nil),
            (.certificate, .replaced("\n", with: " \t\n"), nil),
            (.certificate, .bytes(before: [0xEF, 0xBB, 0xBF]), nil),
            (.certificate, .bytes(before: [0x23, 0xE9, 0xFF, 0x0A]), nil),
            (.certificate, .between("", negativeSerial), nil),
            (.certificate, .between("", damaged), "certificate 2 of 2 in \"%site.pem\" is damaged: "),
            (.certificate, .only(""), "expected PEM certificates in \"%site.pem\", found none"),
            (.certificate, .only(damaged), "certificate 1 of 1 in \"%site.pem\" is damaged: "),
            (.certificate, .missing, "the file \"%site.pem\" could not be opened: No such file or directory"),
            (.certificate, .folder, "the file \"%site.pem\" could not be read: Is a directory"),
            (.certificate, .long, "the file \"%site.pem\" is longer than 1MiB"),
            (
                .certificate, .only(negativeSerial),
                "the private key in \"%site.key\" belongs to another certificate than the first in \"%site.pem\"; replace"
                    + " both, or put the key's certificate first"
            ),
            (
                .certificate, .between(negativeSerial, ""),
                "the certificate of the private key in \"%site.key\" must be the first in \"%site.pem\""
            ),
            (.certificate, .expired, "the certificate in \"%site.pem\" expired on 20"),
            (.certificate, .ofTheFuture, "the certificate in \"%site.pem\" is not valid before 20"),
            (.key, .twice, nil),
            (.key, .replaced("\n", with: "\r\n"), nil),
            (.key, .bytes(before: [0x23, 0xE9, 0xFF, 0x0A]), nil),
            (
                .key, .between("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", ""),
                nil
            ),
            (.key, .only(""), "expected a PEM private key in \"%site.key\", found none"),
            (.key, .only(strange), "the private key in \"%site.key\" belongs to another certificate than the first"),
            (
                .key, .replaced("PRIVATE KEY", with: "ENCRYPTED PRIVATE KEY"),
                "the private key in \"%site.key\" is encrypted; store it without a passphrase"
            ),
            (
                .key, .only("-----BEGIN PRIVATE KEY-----\nMIIBAAAA\n-----END PRIVATE KEY-----"),
                "the private key in \"%site.key\" is damaged, encrypted or of an unsupported kind; expected RSA, P-256,"
                    + " P-384, P-521 or Ed25519"
            ),
            (.key, .missing, "the file \"%site.key\" could not be opened: No such file or directory"),
            (.key, .folder, "the file \"%site.key\" could not be read: Is a directory"),
            (.authorities, .twice, nil),
            (.authorities, .between(negativeSerial, ""), nil),
            (.authorities, .between("", damaged), "warning: certificate 2 of 2 in \"%ca.pem\" is damaged: "),
            (.authorities, .only(damaged), "certificate 1 of 1 in \"%ca.pem\" is damaged: "),
            (.authorities, .only("hello"), "expected PEM certificates in \"%ca.pem\", found none"),
            (.authorities, .missing, "the file \"%ca.pem\" could not be opened: No such file or directory"),
            (.authorities, .folder, "the file \"%ca.pem\" could not be read: Is a directory"),
        ] as [(File, Content, String?)], [false, true])
    func verdict(input: (File, Content, String?), upstream: Bool) throws {
        let (file, content, expected) = input
        let process = ProcessState.forTests()
        try putGood()
        let before = try Generation(configuration(text(upstream: upstream)), process: process)
        #expect(checked(upstream: upstream) == nil)
        try put(content, as: file)

        let said = checked(upstream: upstream)
        if let expected {
            let start = expected.replacing("%", with: directory.path + "/")
            #expect(said?.hasPrefix(start) == true, "\(said ?? "nothing")")
        } else {
            #expect(said == nil)
        }
        let started = refusal {
            _ = try Generation(configuration(text(upstream: upstream)), process: process)
            return nil
        }
        let isWarning = said?.hasPrefix("warning: ") == true
        #expect(started == (isWarning ? nil : said))
        let reloaded = refusal {
            _ = try Generation(configuration(text(upstream: upstream)), process: process, previous: before)
            return nil
        }
        #expect(reloaded == started)
        guard let tls = before.listener("a")?.tls else { return }
        // The reload has looked at them already: what is refused stays so, and is no news.
        switch tls.renewCertificates() {
        case .refused(let failure, let isNews):
            #expect(failure.reason == said)
            #expect(!isNews)
        case .unchanged, .renewed: #expect(said == nil || isWarning)
        }
    }

    @Test("all that is wrong with a pair is told at once, each at its key")
    func both() throws {
        try write("site.pem", [])
        try write("site.key", [])
        let pair = TLSFiles.identity(
            certificate: NamedFile(path: path("site.pem"), shown: "a.pem"),
            privateKey: NamedFile(path: path("site.key"), shown: "a.key"),
            ocsp: NamedFile(path: path("site.key"), shown: "a.ocsp"))
        #expect(
            TLSMaterialJudge().findings(on: pair, now: 0) == [
                TLSFinding(.error, .certificate, "expected PEM certificates in a.pem, found none"),
                TLSFinding(.error, .privateKey, "expected a PEM private key in a.key, found none"),
                TLSFinding(.error, .ocsp, "expected an OCSP response (DER) in a.ocsp, found something else"),
            ])
    }

    @Test("a key of another certificate is the key's mistake, an expired certificate the certificate's")
    func parts() throws {
        let other = try SelfSigned.write("other", names: [], in: directory)
        func part(_ key: String, now: Int64) -> TLSFinding.Part? {
            TLSMaterialJudge().findings(
                on: .identity(
                    certificate: NamedFile(path: good.certificate, shown: "a"),
                    privateKey: NamedFile(path: key, shown: "b"), ocsp: nil), now: now
            ).first?.part
        }
        let now = WallClock.seconds()
        #expect(part(good.privateKey, now: now) == nil)
        #expect(part(other.privateKey, now: now) == .privateKey)
        #expect(part(good.privateKey, now: now + 2_600_000) == .certificate)
        #expect(part(good.privateKey, now: 0) == .certificate)
    }

    @Test("a certificate that ends within fourteen days is warned of", arguments: [13.9, 14.1])
    func endsSoon(days: Double) throws {
        let files = try SelfSigned.write("soon", names: [], in: directory, seconds: -300...days * 86_400)
        let findings = TLSMaterialJudge().findings(
            on: .identity(
                certificate: NamedFile(path: files.certificate, shown: "a"),
                privateKey: NamedFile(path: files.privateKey, shown: "b"), ocsp: nil), now: WallClock.seconds())
        #expect(findings.map(\.severity) == (days < 14 ? [.warning] : []))
        #expect(
            findings.allSatisfy {
                $0.part == .certificate && $0.message.hasPrefix("the certificate in a expires on 20")
            })
    }

    @Test("a file of ticket keys is read as it will be")
    func ticketKeys() throws {
        try write("tickets", [UInt8](repeating: 1, count: 81))
        func findings() -> [TLSFinding] {
            TLSMaterialJudge().findings(on: .ticketKeys(NamedFile(path: path("tickets"), shown: "t")), now: 0)
        }
        #expect(
            findings() == [
                TLSFinding(
                    .error, .ticketKeys,
                    "expected ticket keys of 80 or 48 bytes each in t, found 81 bytes; make one with openssl rand 80")
            ])
        try write("tickets", [UInt8](repeating: 1, count: 80))
        func setPermissions(_ mode: Int) throws {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path("tickets"))
        }
        try setPermissions(0o640)
        #expect(findings() == [])
        try setPermissions(0o644)
        #expect(
            findings() == [
                TLSFinding(
                    .warning, .ticketKeys,
                    "every user of this machine can read the ticket keys in t, and decrypt connections of TLS 1.2 with them;"
                        + " run chmod o-r on the file")
            ])
    }

    @Test("cipher suites that are for no key of a certificate's kind are told of")
    func unfitCiphers() throws {
        func findings(_ ciphers: [String]) -> [TLSFinding] {
            TLSMaterialJudge().findings(
                on: .identity(
                    certificate: NamedFile(path: good.certificate, shown: "a"),
                    privateKey: NamedFile(path: good.privateKey, shown: "b"), ocsp: nil, ciphers: ciphers),
                now: WallClock.seconds())
        }
        let isRSA = ["ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA"]
        let isECDSA = "ECDHE-ECDSA-AES128-GCM-SHA256"
        #expect(findings([]) == [])
        #expect(findings(isRSA + [isECDSA]) == [])
        #expect(
            findings(isRSA) == [
                TLSFinding(
                    .warning, .certificate,
                    "ciphers has no cipher suite for the ECDSA or Ed25519 key of the certificate in a, so clients of"
                        + " TLS 1.2 do not get it; add one, or set minimum_version: \"1.3\"")
            ])
    }

    @Test("what the configuration may name is what BoringSSL has")
    func names() throws {
        #expect(Set(CipherSuite.allCases.map(\.rawValue)) == Set(CipherList.known()))
        for suite in CipherSuite.allCases {
            #expect(CipherList.problem(with: suite.rawValue) == nil)
            #expect(CipherList.problem(with: suite.registeredName) == nil)
        }
        #expect(KeyExchangeGroup.allCases.map(\.rawValue) == TLSGroup.allCases.map(\.rawValue))
        for group in KeyExchangeGroup.allCases { #expect(TLSGroup(group).rawValue == group.rawValue) }
    }
}
