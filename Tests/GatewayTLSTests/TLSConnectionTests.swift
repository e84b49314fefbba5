import TestSupport
import Testing

@testable import GatewayTLS

@Suite("A TLS connection without a socket")
struct TLSConnectionTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func pair(
        _ kind: TestAuthority.KeyKind = .p256, version: TLSMinimumVersion = .v13, group: TLSGroup? = nil,
        cipher: String? = nil, cut: EnginePair.Cut = .whole
    ) throws -> EnginePair {
        var server = TLSServerSettings(identities: [try authority.identity("site", kind, names: ["site.example"])])
        server.groups = group.map { [$0] } ?? []
        server.ciphers = cipher.map { [$0] } ?? []
        var client = TLSClientSettings()
        client.maximumVersion = version
        client.groups = TLSGroup.allCases
        client.authorities = .files([authority.file])
        return try EnginePair(TLSServerContext(server), TLSClientContext(client), cut: cut)
    }

    @Test(
        "each version shakes hands with each kind of key", arguments: [TLSMinimumVersion.v12, .v13],
        TestAuthority.KeyKind.allCases)
    func keys(version: TLSMinimumVersion, kind: TestAuthority.KeyKind) throws {
        let pair = try pair(kind, version: version).shakeHands()
        #expect(pair.failures == [])
        #expect(pair.server.completions == 1)
        #expect(pair.client.completions == 1)
        #expect(!pair.server.connection.isHandshaking && !pair.client.connection.isHandshaking)
        let expected = version == .v12 ? "TLSv1.2" : "TLSv1.3"
        #expect(pair.client.connection.negotiated.version == expected)
        #expect(pair.server.connection.negotiated.version == expected)
        try pair.client.send("hello".utf8)
        try pair.server.send("there".utf8)
        pair.carry()
        #expect(pair.server.plaintext == Array("hello".utf8))
        #expect(pair.client.plaintext == Array("there".utf8))
    }

    @Test("each group can be agreed on", arguments: TLSGroup.allCases, [TLSMinimumVersion.v12, .v13])
    func groups(group: TLSGroup, version: TLSMinimumVersion) throws {
        let pair = try pair(version: version, group: group).shakeHands()
        if group == .x25519MLKEM768, version == .v12 {
            #expect(pair.failures.first?.kind == .noCommonCipher)
        } else {
            #expect(pair.failures == [])
            #expect(pair.client.connection.negotiated.group == group.rawValue)
        }
    }

    @Test(
        "each cipher suite of TLS 1.2 can be chosen, by either name",
        arguments: [
            ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", .p256),
            ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", .p256),
            ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", .p256),
            ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", .rsa),
            ("ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", .rsa),
            ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", .rsa),
        ] as [(String, String, TestAuthority.KeyKind)])
    func ciphers(name: String, registered: String, kind: TestAuthority.KeyKind) throws {
        let pair = try pair(kind, version: .v12, cipher: name).shakeHands()
        #expect(pair.failures == [])
        #expect(pair.server.connection.negotiated.cipher == registered)
    }

    static let allCuts: [EnginePair.Cut] =
        [.whole, .bytewise] + (0..<4).map { _ in .random(seed: UInt64.random(in: 0..<UInt64.max)) }

    @Test("records are cut anywhere", arguments: allCuts, [TLSMinimumVersion.v12, .v13])
    func cuts(cut: EnginePair.Cut, version: TLSMinimumVersion) throws {
        let pair = try pair(version: version, cut: cut).shakeHands()
        var generator = SeededGenerator(seed: 7)
        for size in [1, 2, 100, 5000, 16_384, 16_385, 40_000] {
            let bytes = generator.bytes(size)
            (pair.server.plaintext, pair.client.plaintext) = ([], [])
            try pair.client.send(bytes)
            try pair.server.send(bytes.reversed())
            pair.carry()
            #expect(pair.server.plaintext == bytes, "\(cut), \(size)")
            #expect(pair.client.plaintext == bytes.reversed(), "\(cut), \(size)")
        }
        #expect(pair.failures == [])
    }

    @Test("a mebibyte is sent at once, and its memory is given back")
    func large() throws {
        let pair = try pair().shakeHands()
        let bytes = (0..<1024 * 1024).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try pair.server.send(bytes)
        #expect(pair.server.workspace.output.count > bytes.count)
        pair.carry()
        #expect(pair.client.plaintext == bytes)
        #expect(pair.server.workspace.capacity == 0)
    }

    @Test("memory of usual outputs is kept for the next")
    func keptMemory() throws {
        let pair = try pair().shakeHands()
        try pair.server.send([UInt8](repeating: 1, count: 100_000))
        _ = pair.server.take()
        #expect(pair.server.workspace.capacity >= 100_000)
    }

    @Test("one workspace serves many connections, one after the other")
    func sharedWorkspace() throws {
        let server = try TLSServerContext(
            TLSServerSettings(identities: [try authority.identity("site", names: ["site.example"])]))
        var settings = TLSClientSettings()
        settings.authorities = .files([authority.file])
        let client = try TLSClientContext(settings)
        let workspace = TLSWorkspace()
        let ends = try (0..<10).map { _ in
            (
                server: EnginePair.End(try TLSConnection(server: server, workspace: workspace), workspace),
                client: EnginePair.End(
                    try TLSConnection(client: client, peer: .name("site.example"), workspace: workspace), workspace)
            )
        }
        // Each step of all of them, before the next step.
        var wires: [[UInt8]] = []
        for end in ends {
            try end.client.connection.start()
            wires.append(end.client.take())
        }
        for step in 0..<4 {
            for (index, end) in ends.enumerated() {
                let receiver = step % 2 == 0 ? end.server : end.client
                receiver.receive(wires[index])
                wires[index] = receiver.take()
            }
        }
        for (number, end) in ends.enumerated() {
            #expect(end.client.completions == 1 && end.server.completions == 1)
            try end.server.send([UInt8(number)])
            end.client.receive(end.server.take())
            #expect(end.client.plaintext == [UInt8(number)])
        }
    }

    // MARK: Ends

    @Test("close_notify ends one direction", arguments: [TLSMinimumVersion.v12, .v13])
    func closeNotify(version: TLSMinimumVersion) throws {
        let pair = try pair(version: version).shakeHands()
        try pair.client.send("last".utf8)
        pair.client.connection.end()
        let wire = pair.client.take()
        pair.server.receive(wire + [1, 2, 3])
        #expect(pair.server.plaintext == Array("last".utf8))
        #expect(pair.server.hasEnded)
        #expect(pair.server.connection.receivedEnd() == nil)
        // The other direction goes on.
        try pair.server.send("answer".utf8)
        pair.carry()
        #expect(pair.client.plaintext == Array("answer".utf8))
        pair.client.connection.end()
        #expect(pair.client.take() == [])
        #expect(throws: TLSFailure.self) { try pair.client.send([1]) }
        #expect(pair.failures == [])
    }

    @Test("a connection that ends without close_notify between records has ended")
    func withoutCloseNotify() throws {
        let pair = try pair().shakeHands()
        try pair.client.send("hello".utf8)
        let wire = pair.client.take()
        pair.server.receive(wire)
        #expect(pair.server.connection.receivedEnd() == nil)
        #expect(pair.server.connection.receivedEnd() == nil)
    }

    @Test("one that ends inside a record is cut short", arguments: [1, 4, 5, 6, 20])
    func insideRecord(length: Int) throws {
        let pair = try pair().shakeHands()
        try pair.client.send("hello".utf8)
        pair.server.receive(pair.client.take().prefix(length))
        let failure = try #require(pair.server.connection.receivedEnd())
        #expect(failure.kind == .cutShort)
        #expect(
            failure.description == "the client ended the connection inside a TLS record, so what it sent is incomplete")
    }

    @Test("one that ends inside the handshake is cut short, from its first byte to its last")
    func insideHandshake() throws {
        let pair = try pair()
        try pair.client.connection.start()
        #expect(pair.client.connection.isHandshaking)
        #expect(throws: TLSFailure.self) { try pair.client.send([1]) }
        pair.client.connection.end()
        let hello = pair.client.take()
        pair.server.receive(hello)
        pair.client.receive(pair.server.take().dropLast())
        #expect(
            pair.client.connection.receivedEnd()?.description
                == "the server ended the connection inside the TLS handshake; perhaps it does not speak TLS on this port"
        )
        #expect(
            pair.server.connection.receivedEnd()?.description
                == "the client ended the connection inside the TLS handshake")
        let untouched = try self.pair()
        #expect(untouched.server.connection.receivedEnd()?.kind == .cutShort)
    }

    @Test("a server says nothing of itself")
    func serverWaits() throws {
        let pair = try pair()
        try pair.server.connection.start()
        #expect(pair.server.take() == [])
    }

    // MARK: After the handshake

    @Test("keys are updated after so many records, and the peer follows")
    func keyUpdate() throws {
        let pair = try pair().shakeHands()
        pair.client.connection.keyLimit = 3
        for number in 0..<20 {
            try pair.client.send([UInt8(number)])
            try pair.server.send([UInt8(number)])
            pair.carry()
            #expect(pair.client.connection.recordsUnderKey <= 3)
        }
        #expect(pair.server.connection.recordsUnderKey >= 20)
        #expect(pair.server.plaintext == Array(0..<20))
        #expect(pair.client.plaintext == Array(0..<20))
        #expect(pair.failures == [])
    }

    @Test("a peer that asks for another key gets it with the next record")
    func requestedKeyUpdate() throws {
        let pair = try pair().shakeHands()
        pair.server.connection.updateKey(asksPeer: true)
        try pair.server.send([1])
        pair.carry()
        try pair.client.send([2])
        pair.carry()
        try pair.server.send([3])
        pair.carry()
        #expect(pair.client.plaintext == [1, 3])
        #expect(pair.server.plaintext == [2])
        #expect(pair.failures == [])
    }

    @Test("TLS 1.2 has no key update, and goes on with its key")
    func noKeyUpdate() throws {
        let pair = try pair(version: .v12).shakeHands()
        pair.client.connection.keyLimit = 1
        for number in 0..<5 { try pair.client.send([UInt8(number)]) }
        pair.carry()
        #expect(pair.server.plaintext == Array(0..<5))
    }

    @Test("a peer that updates its keys and says nothing is stopped")
    func keyUpdatesInARow() throws {
        let pair = try pair().shakeHands()
        for _ in 0..<33 {
            pair.client.connection.updateKey()
            try pair.client.send([])
        }
        pair.carry()
        #expect(pair.server.failure?.description == "TLS with the client failed: too many key updates")
    }

    @Test("an empty send that fails is a failure, as any other")
    func emptySendFails() throws {
        let pair = try pair().shakeHands()
        try pair.server.send([])
        #expect(throws: TLSFailure.self) {
            try pair.server.connection.send(UnsafeRawBufferPointer(start: nil, count: 0)) { _, _ in -1 }
        }
        #expect(throws: TLSFailure.self) { try pair.server.send([1]) }
    }

    @Test(
        "an alert in the clear, as OpenSSL's clients of TLS 1.3 send it, says why the handshake ends",
        arguments: [
            (42, "bad certificate"), (45, "certificate expired"), (46, "certificate unknown"), (48, "unknown ca"),
        ] as [(UInt8, String)])
    func alertInTheClear(code: UInt8, name: String) throws {
        let pair = try pair()
        try pair.client.connection.start()
        pair.pass(pair.client.take(), to: pair.server)
        #expect(!pair.server.take().isEmpty)
        // What a middlebox is shown before (RFC 8446 §D.4) is no part of it.
        pair.server.receive([20, 3, 3, 0, 1, 1] + [21, 3, 3, 0, 2, 2, code])
        #expect(pair.server.failure?.kind == .refusedByPeer)
        #expect(
            pair.server.failure?.description == "the client refused the gateway's certificate (alert \(name))")
    }

    @Test(
        "a record that does not decrypt is no alert",
        arguments: [[23, 3, 3, 0, 2, 2, 48], [21, 3, 3, 0, 3, 2, 48, 0], [21, 3, 3, 0, 2, 2, 200]] as [[UInt8]])
    func noAlertInTheClear(record: [UInt8]) throws {
        let pair = try pair()
        try pair.client.connection.start()
        pair.pass(pair.client.take(), to: pair.server)
        _ = pair.server.take()
        pair.server.receive(record)
        #expect(pair.server.failure?.kind == .protocolError)
    }

    // MARK: What a peer can make it do

    @Test(
        "a peer that says nothing at length is stopped",
        arguments: [
            ([0x16, 3, 1, 0, 0], 33, "too many empty fragments"),
            ([0x15, 3, 1, 0, 2, 1, 90], 5, "too many warning alerts"),
        ] as [([UInt8], Int, String)])
    func emptyRecords(record: [UInt8], count: Int, expected: String) throws {
        let pair = try pair()
        for _ in 0..<count - 1 { pair.server.receive(record) }
        #expect(pair.server.failure == nil)
        pair.server.receive(record)
        #expect(pair.server.failure?.description == "TLS with the client failed: \(expected)")
    }

    @Test("a handshake message may not be longer than any that is needed")
    func longMessage() throws {
        let pair = try pair()
        // A ClientHello that says it has 16,385 bytes.
        pair.server.receive([0x16, 3, 1, 0, 5, 1, 0, 0x40, 1, 3])
        #expect(pair.server.failure?.description == "TLS with the client failed: excessive message size")
    }

    @Test("a record may not be longer than TLS has them")
    func longRecord() throws {
        let pair = try pair().shakeHands()
        pair.server.receive([0x17, 3, 3, 0x45, 0])
        #expect(pair.server.failure?.description == "TLS with the client failed: encrypted length too long")
    }

    // MARK: What is no TLS

    @Test(
        "plain HTTP is known as such",
        arguments: ["GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\n", "HEAD / HTTP/1.1\r\n", "PUT / HTTP/1.1\r\n"])
    func plainHTTP(request: String) throws {
        let pair = try pair()
        pair.pass(Array(request.utf8), to: pair.server)
        #expect(pair.server.failure?.kind == .plainHTTP)
        #expect(pair.server.failure?.description == "the client speaks HTTP without TLS on a TLS port")
        // The caller answers in HTTP, with nothing of TLS before it.
        #expect(pair.server.take() == [])
    }

    @Test("so is anything else that is no TLS")
    func noTLS() throws {
        let pair = try pair()
        pair.server.receive(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8))
        #expect(pair.server.failure?.kind == .noTLS)
        #expect(pair.server.failure?.description == "the client does not speak TLS")
        try pair.client.connection.start()
        _ = pair.client.take()
        pair.client.receive(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
        #expect(
            pair.client.failure?.description
                == "the server does not speak TLS on this port; correct its address, or remove tls from the upstream")
    }

    @Test("garbage ends a connection, and is told to the peer", arguments: 0..<8)
    func garbage(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let pair = try pair().shakeHands()
        pair.server.receive([0x17, 3, 3, 0, 40] + generator.bytes(40))
        #expect(pair.server.failure?.kind == .protocolError)
        #expect(pair.server.failure?.description == "TLS with the client failed: decryption failed or bad record mac")
        #expect(throws: TLSFailure.self) { try pair.server.send([1]) }
        pair.carry()
        #expect(pair.client.failure?.description == "the server ended TLS with the alert bad record mac")
        #expect(pair.client.failure?.kind == .refusedByPeer)
        // No call after that does anything.
        pair.server.failure = nil
        pair.server.receive([1, 2, 3])
        #expect(pair.server.failure?.kind == .protocolError)
        pair.server.connection.end()
        #expect(pair.server.take() == [])
        #expect(pair.server.connection.receivedEnd() == nil)
    }

    @Test("what came before garbage is not lost")
    func plaintextBeforeGarbage() throws {
        let pair = try pair().shakeHands()
        try pair.client.send("hello".utf8)
        pair.server.receive(pair.client.take() + [0x17, 3, 3, 0, 20] + [UInt8](repeating: 1, count: 20))
        #expect(pair.server.plaintext == Array("hello".utf8))
        #expect(pair.server.failure?.kind == .protocolError)
        // The alert is there for the peer.
        #expect(!pair.server.workspace.output.isEmpty)
        pair.server.failure = nil
        pair.server.receive([1])
        #expect(pair.server.failure != nil)
    }

    @Test("random bytes never complete a handshake, and never trap", arguments: 0..<50)
    func randomBytes(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let pair = try pair()
        try pair.client.connection.start()
        // Half of them begin as a record of the handshake does.
        let head: [UInt8] = seed % 2 == 0 ? [0x16, 3, 1] : []
        pair.server.receive(head + generator.bytes(300))
        pair.client.receive(head + generator.bytes(300))
        #expect(pair.server.completions == 0 && pair.client.completions == 0)
    }

    @Test("a record that is changed on its way ends the handshake", arguments: [10, 60, 200, 900])
    func changedHandshake(place: Int) throws {
        let pair = try pair()
        try pair.client.connection.start()
        pair.server.receive(pair.client.take())
        var flight = pair.server.take()
        flight[place % flight.count] ^= 0xFF
        pair.client.receive(flight)
        #expect(pair.client.failure != nil || pair.client.connection.isHandshaking)
        #expect(pair.client.completions == 0)
    }
}
