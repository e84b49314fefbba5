import Testing

@testable import GatewayTLS

@Suite("The sessions of servers")
struct SessionCacheTests {
    @Test("few are kept of one server, and few in all, whatever servers send")
    func bounds() throws {
        let authority = try TestAuthority()
        let server = try TLSServerContext(TLSServerSettings(identities: [authority.identity("site")]))
        var settings = TLSClientSettings()
        settings.verifies = false
        settings.maximumVersion = .v12
        let client = try TLSClientContext(settings)
        for number in 0..<SessionCache.limit + 20 {
            try EnginePair(server, client, peer: .name("\(number).example")).shakeHands()
        }
        #expect(client.sessions.count == SessionCache.limit)
        // The first have gone, the last are there.
        let early = try EnginePair(server, client, peer: .name("0.example")).shakeHands()
        #expect(!early.client.connection.negotiated.isResumed)
        let late = try EnginePair(server, client, peer: .name("\(SessionCache.limit + 19).example")).shakeHands()
        #expect(late.client.connection.negotiated.isResumed)
    }

    @Test("a session of TLS 1.3 serves once")
    func once() throws {
        let authority = try TestAuthority()
        let server = try TLSServerContext(TLSServerSettings(identities: [authority.identity("site")]))
        var settings = TLSClientSettings()
        settings.verifies = false
        let client = try TLSClientContext(settings)
        for _ in 0..<SessionCache.limitOfOneServer {
            let pair = try EnginePair(server, client).shakeHands()
            try pair.server.send([])
            pair.carry()
        }
        let count = client.sessions.count
        #expect((2...SessionCache.limitOfOneServer).contains(count))
        // Connections that are open together find one each.
        let pairs = try (0..<count).map { _ in try EnginePair(server, client) }
        #expect(client.sessions.count == 0)
        for pair in pairs { #expect(try pair.shakeHands().client.connection.negotiated.isResumed) }
    }
}
