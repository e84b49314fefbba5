import Testing

@testable import GatewayTLS

@Suite("Which servers are trusted")
struct TLSClientContextTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    /// The client's failure with a server that shows a certificate.
    private func failure(
        _ identity: TLSServerSettings.Identity, peer: TLSPeerName = .name("a.example"),
        _ change: (inout TLSClientSettings) -> Void = { _ in }
    ) throws -> TLSFailure? {
        var settings = TLSClientSettings()
        settings.authorities = .files([authority.file])
        change(&settings)
        let server = try TLSServerContext(TLSServerSettings(identities: [identity]))
        let pair = try EnginePair(server, TLSClientContext(settings), peer: peer).shakeHands()
        #expect((pair.client.completions == 1) == (pair.client.failure == nil))
        if let failure = pair.client.failure {
            // The server is told, and says so.
            #expect(pair.server.failure?.kind == .refusedByPeer, "\(failure)")
        }
        return pair.client.failure
    }

    @Test(
        "a name does if the certificate has it",
        arguments: [
            ("a.example", true), ("A.EXAMPLE", true), ("a.example.", true), ("b.wild.example", true),
            ("a.b.wild.example", false), ("wild.example", false), ("b.example", false), ("site", false),
            ("partial1.example", false), ("10.0.0.1", true), ("10.0.0.2", false), ("::1", true), ("[::1]", true),
            ("::2", false),
        ])
    func names(name: String, isFor: Bool) throws {
        let identity = try authority.identity(
            "site", names: ["a.example", "*.wild.example", "partial*.example"],
            addresses: [[10, 0, 0, 1], [UInt8](repeating: 0, count: 15) + [1]])
        let failure = try failure(identity, peer: .name(name))
        #expect((failure == nil) == isFor, "\(failure?.description ?? "accepted")")
        #expect(failure == nil || failure?.kind == .nameMismatch)
    }

    @Test("an address is no name for SNI, and a dot at the end is not sent")
    func serverName() throws {
        let server = try TLSServerContext(
            TLSServerSettings(identities: [try authority.identity("site", names: ["a.example"])]))
        var settings = TLSClientSettings()
        settings.verifies = false
        let client = try TLSClientContext(settings)
        for (peer, expected) in [
            (.name("10.0.0.1"), nil), (.name("::1"), nil), (.address(packed: [10, 0, 0, 1]), nil), (.none, nil),
            (.name("a.example."), "a.example"),
        ] as [(TLSPeerName, String?)] {
            let pair = try EnginePair(server, client, peer: peer).shakeHands()
            #expect(pair.server.connection.negotiated.serverName == expected)
        }
    }

    @Test(
        "a name that can't be one is refused", arguments: ["", ".", "a\0b.example", String(repeating: "a", count: 256)])
    func impossibleName(name: String) throws {
        let client = try TLSClientContext(TLSClientSettings())
        let failure = #expect(throws: TLSFailure.self) {
            try TLSConnection(client: client, peer: .name(name), workspace: TLSWorkspace())
        }
        #expect(failure?.description == "server_name of the upstream's tls can't be used; expected a host name")
    }

    @Test("the common name is no name")
    func commonName() throws {
        #expect(
            try failure(authority.identity("a.example"))?.description
                == "the server's certificate is for no name, expected a.example; server_name of the upstream's tls sets"
                + " the expected name")
    }

    @Test("what is wrong with a certificate is told")
    func words() throws {
        let strangers = try TestAuthority("Strangers")
        let other = try failure(authority.identity("other", names: ["b.example"], addresses: [[10, 0, 0, 1]]))
        #expect(
            other?.description
                == "the server's certificate is for b.example, 10.0.0.1, expected a.example; server_name of the"
                + " upstream's tls sets the expected name")
        let address = try failure(
            authority.identity("other", names: ["b.example"]), peer: .address(packed: [127, 0, 0, 1]))
        #expect(
            address?.description
                == "the server's certificate is for b.example, expected the server's address; server_name of the"
                + " upstream's tls sets the expected name")
        let unknown = try failure(strangers.identity("site", names: ["a.example"]))
        #expect(unknown?.kind == .unknownAuthority)
        #expect(
            unknown?.description
                == "the server's certificate is not trusted; CN=Strangers signed it: name the certificate of that"
                + " authority in ca of the upstream's tls, or let the server send the intermediate certificates")
        let own = try failure(authority.identity("own", names: ["a.example"], isSelfSigned: true))
        #expect(own?.kind == .selfSigned)
        #expect(
            own?.description
                == "the server's certificate is self-signed and not trusted; name a copy of it in ca of the upstream's"
                + " tls")
        let expired = try failure(authority.identity("old", names: ["a.example"], days: -3 ... -2))
        #expect(expired?.kind == .certificateExpired)
        #expect(
            expired?.description.wholeMatch(
                of: /the server's certificate expired on \d{4}-\d\d-\d\d; renew it/) != nil)
        let early = try failure(authority.identity("new", names: ["a.example"], days: 2...3))
        #expect(early?.kind == .certificateNotYetValid)
        #expect(
            early?.description.wholeMatch(
                of: /the server's certificate is not valid before \d{4}-\d\d-\d\d; correct the clock .*/) != nil)
    }

    @Test("a copy of a certificate makes it trusted, whoever has signed it")
    func copies() throws {
        for isSelfSigned in [true, false] {
            let identity = try authority.identity("own", names: ["a.example"], isSelfSigned: isSelfSigned)
            #expect(try failure(identity) { $0.authorities = .files([identity.certificate]) } == nil)
        }
    }

    @Test("without verification any certificate does")
    func unverified() throws {
        let strangers = try TestAuthority("Strangers")
        #expect(try failure(strangers.identity("x", days: -3 ... -2)) { $0.verifies = false } == nil)
    }

    @Test("the system's authorities do not know that of a test")
    func system() throws {
        #expect(
            try failure(authority.identity("site", names: ["a.example"])) { $0.authorities = .system }?.kind
                == .unknownAuthority)
    }

    @Test("contexts that trust whom the system trusts have its bundle in common")
    func sharedBundle() throws {
        let first = try TLSClientContext(TLSClientSettings())
        let second = try TLSClientContext(TLSClientSettings())
        #expect(first.verifier != nil && first.verifier === second.verifier)
        let other = try first.offering(["h2"])
        #expect(other.verifier === first.verifier)
    }

    @Test("authorities of several files are trusted together")
    func severalFiles() throws {
        let others = try TestAuthority("Others")
        #expect(
            try failure(others.identity("site", names: ["a.example"])) {
                $0.authorities = .files([authority.file, others.file])
            } == nil)
    }
}
