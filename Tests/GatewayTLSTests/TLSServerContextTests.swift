import Testing

@testable import GatewayTLS

@Suite("What a listener's TLS agrees to")
struct TLSServerContextTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func client(_ change: (inout TLSClientSettings) -> Void = { _ in }) throws -> TLSClientContext {
        var settings = TLSClientSettings()
        settings.authorities = .files([authority.file])
        change(&settings)
        return try TLSClientContext(settings)
    }

    private func server(
        _ identities: [TLSServerSettings.Identity], _ change: (inout TLSServerSettings) -> Void = { _ in }
    ) throws -> TLSServerContext {
        var settings = TLSServerSettings(identities: identities)
        change(&settings)
        return try TLSServerContext(settings)
    }

    /// The common name of the certificate that a client is shown.
    private func shown(_ pair: EnginePair) throws -> String {
        let der = try #require(pair.client.connection.negotiated.peerCertificate)
        return try TLSCertificate(der: der).facts.subject
    }

    // MARK: Which certificate

    @Test(
        "the certificate is that of the server name, else the first",
        arguments: [
            ("example.com", "com"), ("EXAMPLE.com", "com"), ("www.example.com", "com"), ("example.org", "org"),
            ("a.example.org", "wildcard"), ("A.Example.ORG", "wildcard"), ("example.com.", "com"),
            // An exact name goes before a wildcard's, wherever it stands.
            ("live.example.org", "org"),
            // A wildcard stands for one label (RFC 9525 §6.3), so these get the first certificate.
            ("a.b.example.org", "first"), ("other.example", "first"), ("org", "first"), (nil, "first"),
        ] as [(String?, String)])
    func byServerName(serverName: String?, expected: String) throws {
        let server = try server([
            authority.identity("first", names: ["first.example"]),
            authority.identity("com", names: ["example.com", "www.example.com"]),
            authority.identity("wildcard", names: ["*.example.org"]),
            authority.identity("org", names: ["Example.org.", "live.example.org"]),
        ])
        let client = try client { $0.verifies = false }
        // A dot at the end is a client's that does not keep to RFC 6066 §3; this one never sends it.
        let pair = try EnginePair(server, client, peer: serverName.map { .name($0) } ?? .none).shakeHands()
        #expect(pair.failures == [])
        #expect(try shown(pair) == "CN=\(expected)")
        let told = serverName.map { $0.hasSuffix(".") ? String($0.dropLast()) : $0 }
        #expect(pair.server.connection.negotiated.serverName == told)
    }

    @Test("a dot at the end of the name that a client asks for is not looked at")
    func dotAtTheEnd() throws {
        let choice = try IdentityChoice(
            [
                try material(authority.identity("first", names: ["first.example"])),
                try material(authority.identity("com", names: ["example.com"])),
            ], stapling: [nil, nil])
        #expect(choice.credentials(for: "example.com.").first === choice.credentials(for: "example.com").first)
        #expect(choice.credentials(for: "example.com").first !== choice.credentials(for: nil).first)
    }

    private func material(_ files: TLSServerSettings.Identity) throws -> TLSIdentity {
        try TLSMaterial.identity(certificate: files.certificate, key: files.privateKey)
    }

    @Test(
        "of several certificates for one name a client gets what it can verify, RSA last",
        arguments: [
            ([.rsa, .p256], nil, "TLS_ECDHE_ECDSA", "p256"), ([.p256, .rsa], nil, "TLS_ECDHE_ECDSA", "p256"),
            ([.rsa, .ed25519], nil, "TLS_ECDHE_ECDSA", "ed25519"),
            ([.ed25519, .rsa, .p384], nil, "TLS_ECDHE_ECDSA", "p384"),
            // A client without ECDSA's cipher suites.
            ([.p256, .rsa], "ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA", "rsa"),
        ] as [([TestAuthority.KeyKind], String?, String, String)])
    func severalKinds(kinds: [TestAuthority.KeyKind], cipher: String?, suite: String, expected: String) throws {
        let identities = try kinds.map { try authority.identity($0.rawValue, $0, names: ["site.example"]) }
        let client = try client {
            $0.maximumVersion = .v12
            $0.ciphers = cipher.map { [$0] } ?? []
        }
        for name in [TLSPeerName.name("site.example"), .none] {
            let pair = try EnginePair(server(identities), client, peer: name).shakeHands()
            #expect(pair.failures == [])
            #expect(try shown(pair) == "CN=\(expected)")
            #expect(pair.client.connection.negotiated.cipher?.hasPrefix(suite) == true)
        }
    }

    @Test("Ed25519 is shown to those alone who list it", arguments: [TLSMinimumVersion.v12, .v13])
    func ed25519(version: TLSMinimumVersion) throws {
        let identities = try [.ed25519, .rsa].map { (kind: TestAuthority.KeyKind) in
            try authority.identity(kind.rawValue, kind, names: ["site.example"])
        }
        for listed in [true, false] {
            let client = try client {
                $0.maximumVersion = version
                $0.signatures = $0.signatures.filter { listed || $0 != 0x0807 }
            }
            let pair = try EnginePair(server(identities), client).shakeHands()
            #expect(pair.failures == [])
            #expect(try shown(pair) == (listed ? "CN=ed25519" : "CN=rsa"))
            let alone = try EnginePair(server([identities[0]]), client).shakeHands()
            #expect(alone.failures.isEmpty == listed)
            #expect(listed || alone.server.failure?.kind == .noCommonCipher, "\(alone.failures)")
        }
    }

    @Test("of two certificates of one kind and name the first is shown")
    func sameName() throws {
        let server = try server([
            authority.identity("default", names: ["default.example"]),
            authority.identity("a", names: ["site.example", "a.example"]),
            authority.identity("b", .p384, names: ["site.example", "b.example"]),
        ])
        #expect(try shown(EnginePair(server, client()).shakeHands()) == "CN=a")
        #expect(try shown(EnginePair(server, client(), peer: .name("b.example")).shakeHands()) == "CN=b")
    }

    // MARK: Versions, cipher suites

    @Test("a client below the minimum version is refused, and both sides say why")
    func minimumVersion() throws {
        let server = try server([authority.identity("site", names: ["site.example"])]) { $0.minimumVersion = .v13 }
        let pair = try EnginePair(server, client { $0.maximumVersion = .v12 }).shakeHands()
        #expect(pair.server.failure?.kind == .noCommonVersion)
        #expect(pair.server.failure?.description == "the client has no TLS version in common with the gateway")
        #expect(pair.client.failure?.description == "the server has no TLS version in common with the gateway")
    }

    @Test("without a cipher suite in common there is no connection")
    func noCommonCipher() throws {
        let server = try server([authority.identity("site", names: ["site.example"])])
        let pair = try EnginePair(
            server,
            client {
                $0.maximumVersion = .v12
                $0.ciphers = ["ECDHE-RSA-AES128-GCM-SHA256"]
            }
        ).shakeHands()
        #expect(pair.server.failure?.kind == .noCommonCipher)
        #expect(pair.client.failure?.kind == .noCommonCipher)
        #expect(
            pair.client.failure?.description
                == "the server refused the TLS handshake (alert handshake failure); it has no cipher suite, group or"
                + " signature algorithm in common with the gateway, or requires a client certificate")
    }

    @Test("the gateway's order of cipher suites counts")
    func cipherOrder() throws {
        let names = ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"]
        let server = try server([authority.identity("site", names: ["site.example"])]) { $0.ciphers = names }
        let pair = try EnginePair(
            server,
            client {
                $0.maximumVersion = .v12
                $0.ciphers = names.reversed()
            }
        ).shakeHands()
        #expect(pair.client.connection.negotiated.cipher == "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
    }

    @Test(
        "a cipher suite that can't be chosen is refused by name",
        arguments: [
            ("NONSENSE", "NONSENSE is not a known cipher suite of TLS 1.2; expected a name such as"),
            ("ALL", "ALL is not a known cipher suite of TLS 1.2"), ("", " is not a known cipher suite"),
            ("!RSA", "!RSA is not a known cipher"),
            ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256 is a cipher suite of TLS 1.3, and the gateway"),
        ])
    func unknownCipher(name: String, expected: String) throws {
        let identity = try authority.identity("site")
        let failure = #expect(throws: TLSMaterialFailure.self) {
            try server([identity]) { $0.ciphers = ["ECDHE-RSA-AES128-GCM-SHA256", name] }
        }
        #expect(failure?.description.hasPrefix(expected) == true, "\(failure?.description ?? "")")
    }

    // MARK: ALPN

    @Test(
        "the gateway's order of protocols counts; without one in common the connection goes on without",
        arguments: [
            (["h2", "http/1.1"], ["http/1.1", "h2"], "h2"), (["http/1.1"], ["h2", "http/1.1"], "http/1.1"),
            (["h2"], ["http/1.1"], nil), ([], ["h2"], nil), (["h2"], [], nil), (["h"], ["h2"], nil),
        ] as [([String], [String], String?)])
    func applicationProtocols(own: [String], offered: [String], expected: String?) throws {
        let server = try server([authority.identity("site", names: ["site.example"])]) {
            $0.applicationProtocols = own
        }
        let pair = try EnginePair(server, client { $0.applicationProtocols = offered }).shakeHands()
        #expect(pair.failures == [])
        #expect(pair.server.connection.negotiated.applicationProtocol == expected)
        #expect(pair.client.connection.negotiated.applicationProtocol == expected)
        let other = try EnginePair(server, try client().offering(offered)).shakeHands()
        #expect(other.client.connection.negotiated.applicationProtocol == expected)
    }

    @Test("a protocol of no length, or too long, is refused", arguments: ["", String(repeating: "x", count: 256)])
    func badProtocol(name: String) throws {
        let identity = try authority.identity("site")
        #expect(throws: TLSMaterialFailure.self) { try server([identity]) { $0.applicationProtocols = [name] } }
        #expect(throws: TLSMaterialFailure.self) { try client { $0.applicationProtocols = [name] } }
    }

    // MARK: Client certificates

    private func clientPair(
        _ identity: TLSServerSettings.Identity?, version: TLSMinimumVersion
    ) throws -> EnginePair {
        let server = try server([authority.identity("site", names: ["site.example"])]) {
            $0.clientAuthorities = [authority.file]
        }
        return try EnginePair(
            server,
            client {
                $0.identity = identity
                $0.maximumVersion = version
            }
        ).shakeHands()
    }

    @Test("a client shows who it is", arguments: TestAuthority.KeyKind.allCases, [TLSMinimumVersion.v12, .v13])
    func clientCertificate(kind: TestAuthority.KeyKind, version: TLSMinimumVersion) throws {
        let pair = try clientPair(authority.identity("us", kind), version: version)
        #expect(pair.failures == [])
        let der = try #require(pair.server.connection.negotiated.peerCertificate)
        #expect(try TLSCertificate(der: der).facts.subject == "CN=us")
    }

    @Test("a client without a certificate is refused", arguments: [TLSMinimumVersion.v12, .v13])
    func noClientCertificate(version: TLSMinimumVersion) throws {
        let pair = try clientPair(nil, version: version)
        #expect(pair.server.completions == 0)
        #expect(pair.server.failure?.kind == .noCertificate)
        #expect(
            pair.server.failure?.description
                == "the client sent no certificate, expected one; client_ca of the listener's tls requires it")
        #expect(
            pair.client.failure?.description
                == (version == .v13
                    ? "the server requires a client certificate (alert certificate required)"
                    : "the server refused the TLS handshake (alert handshake failure); it has no cipher suite, group or"
                        + " signature algorithm in common with the gateway, or requires a client certificate"))
    }

    @Test("a client whose certificate does not do is refused, and both sides say why")
    func untrustedClient() throws {
        let strangers = try TestAuthority("Strangers")
        let pair = try clientPair(strangers.identity("them"), version: .v13)
        #expect(pair.server.failure?.kind == .unknownAuthority)
        #expect(
            pair.server.failure?.description
                == "the client's certificate is not trusted; CN=Strangers signed it: name the certificate of that"
                + " authority in client_ca of the listener's tls, or let the client send the intermediate certificates")
        #expect(
            pair.client.failure?.description
                == "the server refused the gateway's certificate, or requires one (alert unknown ca)")
        let expired = try clientPair(authority.identity("old", days: -3 ... -2), version: .v13)
        #expect(expired.server.failure?.kind == .certificateExpired)
        #expect(expired.server.failure?.description.hasPrefix("the client's certificate expired on 20") == true)
        let own = try clientPair(authority.identity("own", isSelfSigned: true), version: .v12)
        #expect(own.server.failure?.kind == .selfSigned)
    }

    // MARK: OCSP

    @Test("a response is stapled, for whoever asks", arguments: [TLSMinimumVersion.v12, .v13])
    func ocsp(version: TLSMinimumVersion) throws {
        try authority.write("site.ocsp", OCSPResponseTests.successful)
        var identity = try authority.identity("site", names: ["site.example"])
        identity.ocsp = authority.path("site.ocsp")
        let server = try server([identity])
        let asking = try EnginePair(
            server,
            client {
                $0.maximumVersion = version
                $0.asksForStatus = true
            }
        ).shakeHands()
        #expect(asking.failures == [])
        #expect(asking.client.connection.negotiated.ocspResponse == OCSPResponseTests.successful)
        let other = try EnginePair(server, client { $0.maximumVersion = version }).shakeHands()
        #expect(other.client.connection.negotiated.ocspResponse == nil)
    }

    @Test("a listener without a certificate is refused")
    func noIdentity() {
        #expect(throws: TLSMaterialFailure.self) { try TLSServerContext(TLSServerSettings(identities: [])) }
    }
}
