import TestSupport
import Testing

@testable import GatewayTLS

@Suite("Keys that take long")
struct TLSKeyOperationTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func pair(
        _ kind: TestAuthority.KeyKind = .rsa, version: TLSMinimumVersion = .v13, cipher: String? = nil
    ) throws -> EnginePair {
        var server = TLSServerSettings(identities: [try authority.identity("site", kind, names: ["site.example"])])
        server.ciphers = cipher.map { [$0] } ?? []
        var client = TLSClientSettings()
        client.ciphers = server.ciphers
        client.maximumVersion = version
        client.groups = TLSGroup.allCases
        client.authorities = .files([authority.file])
        return try EnginePair(TLSServerContext(server), TLSClientContext(client))
    }

    @Test(
        "are used elsewhere, and the others at once", arguments: TestAuthority.KeyKind.allCases,
        [TLSMinimumVersion.v12, .v13])
    func kinds(kind: TestAuthority.KeyKind, version: TLSMinimumVersion) throws {
        let pair = try pair(kind, version: version)
        pair.server.usesKeys = false
        try pair.shakeHands()
        #expect((pair.server.keyOperation != nil) == (kind == .rsa || kind == .p521))
        #expect(pair.failures == [])
    }

    @Test(
        "the handshake stands still until one was used, and keeps what comes meanwhile",
        arguments: [
            (.v13, nil), (.v12, nil), (.v12, "AES128-SHA"), (.v12, "AES256-GCM-SHA384"),
        ] as [(TLSMinimumVersion, String?)])
    func standstill(version: TLSMinimumVersion, cipher: String?) throws {
        let pair = try pair(version: version, cipher: cipher)
        pair.server.usesKeys = false
        try pair.shakeHands()
        let operation = try #require(pair.server.keyOperation)
        #expect(operation.isWaiting)
        #expect(pair.server.connection.takeKeyOperation() == nil)
        pair.server.receive([])
        pair.carry()
        #expect(pair.server.connection.isHandshaking && pair.failures == [])
        operation.carryOut()
        #expect(!operation.isWaiting)
        pair.server.receive([])
        pair.carry()
        #expect(pair.failures == [])
        #expect(pair.server.completions == 1 && pair.client.completions == 1)
        try pair.client.send("hello".utf8)
        pair.carry()
        #expect(pair.server.plaintext == Array("hello".utf8))
    }

    @Test("what came in the middle of it comes behind it")
    func held() throws {
        let pair = try pair()
        pair.server.usesKeys = false
        try pair.client.connection.start()
        let hello = pair.client.take()
        // A record that has no place there, in two pieces.
        pair.server.receive(hello + [23, 3, 3, 0, 20])
        pair.server.receive([UInt8](repeating: 0, count: 20))
        #expect(pair.server.connection.heldBytes == 25)
        #expect(pair.server.failure == nil)
        try #require(pair.server.keyOperation).carryOut()
        pair.server.receive([])
        #expect(pair.server.connection.heldBytes == 0)
        #expect(pair.server.failure?.kind == .protocolError)
    }

    @Test("one whose connection has gone, or failed, is not carried out")
    func abandoned() throws {
        var operation: TLSKeyOperation?
        do {
            let pair = try pair()
            pair.server.usesKeys = false
            try pair.shakeHands()
            operation = pair.server.keyOperation
            #expect(operation?.isWaiting == true)
        }
        #expect(operation?.isWaiting == false)
        operation?.carryOut()
        guard case .failed? = operation?.outcome else {
            Issue.record("expected no result")
            return
        }
    }

    @Test("a client's own certificate may have one, too")
    func ofClient() throws {
        let friend = try authority.identity("friend", .rsa)
        var server = TLSServerSettings(identities: [try authority.identity("site", names: ["site.example"])])
        server.clientAuthorities = [authority.file]
        var client = TLSClientSettings()
        client.authorities = .files([authority.file])
        client.identity = friend
        let pair = try EnginePair(TLSServerContext(server), TLSClientContext(client))
        pair.client.usesKeys = false
        try pair.shakeHands()
        try #require(pair.client.keyOperation).carryOut()
        pair.client.receive([])
        pair.carry()
        #expect(pair.failures == [])
        #expect(pair.server.completions == 1)
    }
}
