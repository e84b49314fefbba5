import Testing

@testable import GatewayTLS

@Suite("Sessions that go on")
struct SessionResumptionTests {
    let authority: TestAuthority
    static let versions: [TLSMinimumVersion] = [.v12, .v13]

    init() throws { authority = try TestAuthority() }

    private func server(
        _ keys: TLSTicketKeys = TLSTicketKeys(), clients: Bool = false, clock: TestClock = TestClock()
    ) throws -> TLSServerContext {
        var settings = TLSServerSettings(
            identities: [try authority.identity("site", names: ["site.example", "other.example"])], ticketKeys: keys)
        settings.now = { clock.seconds }
        settings.clientAuthorities = clients ? [authority.file] : []
        return try TLSServerContext(settings)
    }

    private func client(
        _ version: TLSMinimumVersion, identity: TLSServerSettings.Identity? = nil
    ) throws -> TLSClientContext {
        var settings = TLSClientSettings()
        settings.maximumVersion = version
        settings.authorities = .files([authority.file])
        settings.identity = identity
        return try TLSClientContext(settings)
    }

    /// Whether a connection resumes a session; it gets those for the next.
    private func resumes(
        _ server: TLSServerContext, _ client: TLSClientContext, peer: String = "site.example"
    ) throws -> Bool {
        let pair = try EnginePair(server, client, peer: .name(peer)).shakeHands()
        try #require(pair.failures == [])
        // Tickets of TLS 1.3 go out with the first record.
        try pair.server.send("x".utf8)
        pair.carry()
        let isResumed = pair.server.connection.negotiated.isResumed
        #expect(pair.client.connection.negotiated.isResumed == isResumed)
        #expect(pair.client.connection.negotiated.peerCertificate != nil)
        #expect(pair.client.plaintext == Array("x".utf8))
        return isResumed
    }

    @Test("the second connection to a server resumes", arguments: versions)
    func again(version: TLSMinimumVersion) throws {
        let (server, client) = (try server(), try client(version))
        #expect(try !resumes(server, client))
        for _ in 0..<5 { #expect(try resumes(server, client)) }
        // Under another name it may be another server.
        #expect(try !resumes(server, client, peer: "other.example"))
        #expect(try !resumes(self.server(), client))
    }

    @Test("contexts that share keys resume each other's sessions, others do not", arguments: versions)
    func sharedKeys(version: TLSMinimumVersion) throws {
        try authority.write("tickets", (0..<160).map { UInt8($0) })
        let client = try client(version)
        #expect(try !resumes(server(TLSTicketKeys(file: authority.path("tickets"))), client))
        let second = try server(TLSTicketKeys(file: authority.path("tickets")))
        #expect(try resumes(second, client))
        // The key that has sealed is the second now.
        try authority.write("tickets", (80..<240).map { UInt8($0) } + (0..<80).map { UInt8($0) })
        try second.reloadTicketKeys()
        #expect(try resumes(second, client))
        // Nothing of before is left but the key in the middle.
        try authority.write("tickets", [UInt8](repeating: 7, count: 48))
        try second.reloadTicketKeys()
        #expect(try !resumes(second, client))
        #expect(try resumes(second, client))
    }

    @Test(
        "a client that has to show who it is resumes as the same, where its certificate still does", arguments: versions
    )
    func clientCertificates(version: TLSMinimumVersion) throws {
        let keys = TLSTicketKeys()
        let server = try server(keys, clients: true)
        let us = try client(version, identity: authority.identity("us"))
        #expect(try !resumes(server, us))
        let pair = try EnginePair(server, us).shakeHands()
        #expect(pair.failures == [])
        #expect(pair.server.connection.negotiated.isResumed)
        let der = try #require(pair.server.connection.negotiated.peerCertificate)
        #expect(try TLSCertificate(der: der).facts.subject == "CN=us")
        // A session that began where nobody asked does not go on where somebody does.
        let open = try self.server(keys)
        let stranger = try client(version)
        #expect(try !resumes(open, stranger))
        #expect(try resumes(open, stranger))
        let refused = try EnginePair(server, stranger).shakeHands()
        #expect(refused.server.failure?.kind == .noCertificate)
    }

    @Test("a client whose certificate has expired meanwhile does not go on", arguments: versions)
    func expiredMeanwhile(version: TLSMinimumVersion) throws {
        let clock = TestClock()
        let server = try server(clients: true, clock: clock)
        let us = try client(version, identity: authority.identity("us", days: -1...1))
        #expect(try !resumes(server, us))
        clock.advance(hours: 23)
        #expect(try resumes(server, us))
        clock.advance(hours: 2)
        let late = try EnginePair(server, us).shakeHands()
        #expect(late.server.completions == 0)
        #expect(late.server.failure?.kind == .certificateExpired)
        #expect(late.client.failure?.description.hasSuffix("(alert certificate expired)") == true)
    }

    @Test("no session goes on with a server whose certificate has expired meanwhile", arguments: versions)
    func expiredServer(version: TLSMinimumVersion) throws {
        let clock = TestClock()
        let server = try server()
        var settings = TLSClientSettings()
        settings.maximumVersion = version
        settings.authorities = .files([authority.file])
        settings.now = { clock.seconds }
        let client = try TLSClientContext(settings)
        #expect(try !resumes(server, client))
        clock.advance(hours: 23)
        #expect(try resumes(server, client))
        clock.advance(hours: 2)
        let late = try EnginePair(server, client, peer: .name("site.example")).shakeHands()
        #expect(late.client.failure?.kind == .certificateExpired)
    }

    @Test("a ticket outlives the rotation of keys by a day", arguments: versions)
    func rotation(version: TLSMinimumVersion) throws {
        let clock = TestClock()
        let keys = TLSTicketKeys(now: { clock.now })
        let (server, client) = (try server(keys), try client(version))
        #expect(try !resumes(server, client))
        clock.advance(hours: 35)
        #expect(try resumes(server, client))
        // It came with another, of the key that seals now.
        clock.advance(hours: 35)
        #expect(try resumes(server, client))
        clock.advance(hours: 36)
        #expect(try !resumes(server, client))
    }

    @Test("a client keeps few sessions of one server")
    func bounds() throws {
        let client = try client(.v12)
        // Each has keys of its own, and gives another session.
        for _ in 0..<(SessionCache.limitOfOneServer + 3) { #expect(try !resumes(server(), client)) }
        #expect(client.sessions.count == SessionCache.limitOfOneServer)
    }
}
