import Foundation
import Testing
import X509

@testable import GatewayTLS

@Suite("Files of certificates and keys")
struct TLSMaterialTests {
    let authority: TestAuthority
    let identity: TLSServerSettings.Identity
    let certificate: String
    let key: String

    init() throws {
        authority = try TestAuthority()
        identity = try authority.identity("site", names: ["a.example", "*.b.example"], addresses: [[10, 0, 0, 1]])
        certificate = try String(contentsOfFile: identity.certificate, encoding: .utf8)
        key = try String(contentsOfFile: identity.privateKey, encoding: .utf8)
    }

    private func write(_ text: String) throws -> String {
        try authority.write("x.pem", text)
        return authority.path("x.pem")
    }

    private func refusal(_ body: () throws(TLSMaterialFailure) -> Void) -> TLSMaterialFailure? {
        do throws(TLSMaterialFailure) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: Certificates

    @Test("what a certificate says is known")
    func facts() throws {
        let facts = try TLSMaterial.certificates(identity.certificate).facts
        #expect(facts.names == ["a.example", "*.b.example"])
        #expect(facts.addresses == [[10, 0, 0, 1]])
        #expect(facts.subject == "CN=site")
        #expect(facts.issuer == "CN=Authority")
        let now = Int64(Date().timeIntervalSince1970)
        #expect(abs(facts.notAfter - now - 86_400) < 100)
        #expect(abs(facts.notBefore - now + 86_400) < 100)
    }

    @Test("certificates are accepted as they come")
    func accepted() throws {
        let glued = certificate.trimmingCharacters(in: .newlines)
        for text in [
            certificate, certificate.replacingOccurrences(of: "\n", with: "\r\n"), "\u{FEFF}" + certificate,
            certificate.replacingOccurrences(of: "\n", with: " \t\n"), "a comment\n" + key + certificate,
            certificate.replacingOccurrences(of: "CERTIFICATE", with: "X509 CERTIFICATE"),
        ] {
            #expect(try TLSMaterial.certificates(write(text)).chain.count == 1)
        }
        #expect(try TLSMaterial.certificates(write(glued + glued)).chain.count == 2)
        try authority.write("x.pem", [0xE9, 0xFF, 0x0A] + Array(certificate.utf8))
        #expect(try TLSMaterial.certificates(authority.path("x.pem")).chain.count == 1)
    }

    @Test("a certificate with a negative serial number is served")
    func negativeSerial() throws {
        // Made by openssl req -set_serial -255, valid until 2126.
        let path = try write(
            """
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
            """)
        try authority.write(
            "odd.key",
            """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNGl5LGEya8uUdTvy
            Eu1/jFD6Pcvih1VFNW1DzXqEre2hRANCAARV6E5hBHP9Bm5gQPmHWVN2YT0sJtri
            O3Jx+89/L9OUr/sdW0WdReVe3TuKoAg4ifw0TQPAoI1cU44QwYcoAHAa
            -----END PRIVATE KEY-----
            """)
        #expect(try TLSMaterial.certificates(path).chain[0].der.firstRange(of: [0x02, 0x02, 0xFF, 0x01]) != nil)
        let server = try TLSServerContext(
            TLSServerSettings(identities: [.init(certificate: path, privateKey: authority.path("odd.key"))]))
        var settings = TLSClientSettings()
        settings.authorities = .files([path])
        let pair = try EnginePair(server, TLSClientContext(settings), peer: .name("a.example")).shakeHands()
        #expect(pair.failures == [])
    }

    @Test("a damaged certificate is refused with its place and the cause")
    func damaged() throws {
        let short = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n"
        let path = try write(certificate + "comment\n" + short)
        let failure = refusal { () throws(TLSMaterialFailure) in
            _ = try TLSMaterial.certificates(path, shownAs: "\"x.pem\"")
        }
        let line = certificate.split(separator: "\n", omittingEmptySubsequences: false).count + 1
        #expect(failure?.block == 2 && failure?.file == path)
        #expect(failure?.line == line)
        #expect(failure?.reason.hasPrefix("certificate 2 of 2 in \"x.pem\" is damaged: ") == true)
        #expect(failure?.reason.hasSuffix(", in the block that begins on line \(failure?.line ?? 0)") == true)
        #expect(failure?.reason.contains("/") == false)
    }

    @Test("one odd certificate in a bundle is left out, and told")
    func bundle() throws {
        let odd = "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n"
        let read = try TLSMaterial.authorities(write(certificate + "\n" + odd + certificate))
        #expect(read.certificates.count == 2)
        #expect(read.warnings.count == 1)
        #expect(read.warnings.first?.hasPrefix("certificate 2 of 3 in ") == true)
        #expect(read.warnings.first?.hasSuffix("; the gateway leaves it out") == true)
        let path = try write(odd)
        #expect(refusal { () throws(TLSMaterialFailure) in _ = try TLSMaterial.authorities(path) } != nil)
    }

    @Test("the system's bundle is read without a warning")
    func system() throws {
        let file = try #require(SystemAuthorities.find())
        let read = try TLSMaterial.authorities(file)
        #expect(read.certificates.count > 50)
        #expect(read.warnings == [])
    }

    // MARK: Files

    @Test("files that can't be read are refused with the reason")
    func unreadable() throws {
        let empty = try write("")
        try authority.write("long.pem", [UInt8](repeating: 0x20, count: 1024 * 1024 + 1))
        for (path, reason) in [
            (empty, "expected PEM certificates in \"\(empty)\", found none"),
            (
                authority.path("none.pem"),
                "the file \"\(authority.path("none.pem"))\" could not be opened: No such file or directory"
            ),
            (authority.directory.path, "the file \"\(authority.directory.path)\" could not be read: Is a directory"),
            (authority.path("long.pem"), "the file \"\(authority.path("long.pem"))\" is longer than 1MiB"),
            ("a\0b", "the file \"a\0b\" could not be opened: its name contains a zero byte"),
        ] {
            #expect(
                refusal { () throws(TLSMaterialFailure) in _ = try TLSMaterial.certificates(path) }?.reason == reason)
        }
        #expect(
            refusal { () throws(TLSMaterialFailure) in _ = try TLSMaterial.privateKey(empty) }?.reason
                == "expected a PEM private key in \"\(empty)\", found none")
        try authority.write(
            "full.pem", [UInt8](repeating: 0x20, count: 1024 * 1024 - certificate.utf8.count) + Array(certificate.utf8))
        #expect(try TLSMaterial.certificates(authority.path("full.pem")).chain.count == 1)
    }

    // MARK: Keys

    @Test("each kind of key is known", arguments: TestAuthority.KeyKind.allCases)
    func kinds(kind: TestAuthority.KeyKind) throws {
        let files = try authority.identity("key", kind)
        #expect("\(try TLSMaterial.privateKey(files.privateKey).kind)" == kind.rawValue)
    }

    @Test("keys are read in each of their formats")
    func formats() throws {
        // PKCS#1.
        #expect(try TLSMaterial.privateKey(write(TestAuthority.rsaKey)).kind == .rsa)
        // SEC1, behind the parameters that openssl ecparam puts before it.
        let sec1 = """
            -----BEGIN EC PARAMETERS-----
            BggqhkjOPQMBBw==
            -----END EC PARAMETERS-----
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIC481JEFrOkcsYEuWGcBiCSNn/2aKq27xf4qlwU0M/pZoAoGCCqGSM49
            AwEHoUQDQgAE8t4GEetBS+q6eOfsPgzKijSZAkOSpM00rJP8Ou6FCI497stOCP5+
            go7paX+qdbm4hP2M68At2WOMhBRTlgn08g==
            -----END EC PRIVATE KEY-----
            """
        #expect(try TLSMaterial.privateKey(write(sec1)).kind == .p256)
        #expect(try TLSMaterial.privateKey(write(certificate + key)).kind == .p256)
    }

    @Test(
        "a key that can't be used is refused, and nothing of it is told",
        arguments: [
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
                "is encrypted; store it without a passphrase"
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----",
                "is encrypted; store it without a passphrase"
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nMIIBAAAA\n-----END PRIVATE KEY-----",
                "is damaged, encrypted or of an unsupported kind; expected RSA, P-256, P-384, P-521 or Ed25519"
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nMIIBAAA\n-----END PRIVATE KEY-----",
                "is damaged, encrypted or of an unsupported kind; expected RSA, P-256, P-384, P-521 or Ed25519"
            ),
            // X25519, which signs nothing.
            (
                "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEINj6Ul7haCWUgtd3Nl1ugHcmGVM/NrPNRxAfZ4SkgVRC\n-----END PRIVATE KEY-----",
                "is damaged, encrypted or of an unsupported kind; expected RSA, P-256, P-384, P-521 or Ed25519"
            ),
        ])
    func refusedKeys(text: String, expected: String) throws {
        let path = try write(text)
        #expect(
            refusal { () throws(TLSMaterialFailure) in _ = try TLSMaterial.privateKey(path) }?.reason
                == "the private key in \"\(path)\" \(expected)")
    }

    // MARK: Pairs

    @Test("a key and its certificate belong together, and the certificate is the first")
    func pairs() throws {
        let other = try authority.identity("other", .rsa)
        let mixed = refusal { () throws(TLSMaterialFailure) in
            _ = try TLSMaterial.identity(
                certificate: identity.certificate, key: other.privateKey, certificateShownAs: "a.pem",
                keyShownAs: "b.key")
        }
        #expect(
            mixed?.reason
                == "the private key in b.key belongs to another certificate than the first in a.pem; replace both, or put"
                + " the key's certificate first")
        #expect(mixed?.file == other.privateKey)
        let chain = try write(try String(contentsOfFile: other.certificate, encoding: .utf8) + "\n" + certificate)
        let behind = refusal { () throws(TLSMaterialFailure) in
            _ = try TLSMaterial.identity(
                certificate: chain, key: identity.privateKey, certificateShownAs: "a.pem", keyShownAs: "b.key")
        }
        #expect(behind?.reason == "the certificate of the private key in b.key must be the first in a.pem")
        #expect(behind?.block == 2)
        let good = try TLSMaterial.identity(certificate: identity.certificate, key: identity.privateKey)
        #expect(good.timeFailure(now: WallClock.seconds()) == nil)
        #expect(good.ocspResponse == nil)
    }

    @Test("a certificate outside its time can be served, and whoever asks is told")
    func time() throws {
        let old = try authority.identity("old", days: -3 ... -2)
        let new = try authority.identity("new", days: 2...3)
        let now = WallClock.seconds()
        func said(of files: TLSServerSettings.Identity) throws -> String? {
            try TLSMaterial.identity(certificate: files.certificate, key: files.privateKey).timeFailure(now: now)?
                .reason
        }
        #expect(try said(of: identity) == nil)
        let reason = try #require(try said(of: old))
        #expect(reason.hasPrefix("the certificate in \"\(old.certificate)\" expired on 20"))
        #expect(
            try said(of: new)?.hasPrefix("the certificate in \"\(new.certificate)\" is not valid before 20") == true)

        let server = try TLSServerContext(TLSServerSettings(identities: [identity, old]))
        #expect(server.warnings == [])
        #expect(server.timeFailure(now: now)?.reason == reason)
        let renewed = try TLSServerContext(TLSServerSettings(identities: [old]))
        #expect(renewed.timeFailure(now: now, previous: server) == nil)
        #expect(server.timeFailure(now: now, previous: renewed) == nil)
        #expect(
            try TLSServerContext(TLSServerSettings(identities: [new])).timeFailure(now: now, previous: server) != nil)

        var settings = TLSClientSettings()
        settings.authorities = .files([authority.file])
        #expect(try TLSClientContext(settings).timeFailure(now: now) == nil)
        settings.identity = old
        let client = try TLSClientContext(settings)
        #expect(client.timeFailure(now: now)?.reason == reason)
        #expect(try client.offering(["h2"]).timeFailure(now: now)?.reason == reason)
    }

    @Test("a file that is no OCSP response is refused")
    func ocsp() throws {
        try authority.write("x.ocsp", Array("hello".utf8))
        let failure = refusal { () throws(TLSMaterialFailure) in
            _ = try TLSMaterial.identity(
                certificate: identity.certificate, key: identity.privateKey, ocsp: authority.path("x.ocsp"),
                ocspShownAs: "x.ocsp")
        }
        #expect(failure?.reason == "expected an OCSP response (DER) in x.ocsp, found something else")
    }
}
