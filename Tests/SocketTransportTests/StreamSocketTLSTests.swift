import Foundation
import NIOCore
import Testing

@testable import GatewayTLS
@testable import SocketTransport

@Suite("TLS on stream sockets")
struct StreamSocketTLSTests: TLSSocketFixture {
    private let calls = ScriptedCalls()
    let loop: DrivenLoop
    let site: TLSSite
    let diary = SocketDiary()

    init() throws {
        loop = try DrivenLoop(calls: calls)
        site = try TLSSite()
    }

    @Test(
        "both sides shake hands, and ALPN's choice is told", arguments: [["http/1.1"], ["http/1.1", "h2"], []],
        [TLSMinimumVersion.v12, .v13])
    func handshake(protocols: [String], version: TLSMinimumVersion) throws {
        let site = try TLSSite(clientProtocols: protocols, version: version)
        let (server, raw) = try RawPeer.joined(to: loop.loop)
        server.delegate = diary
        try server.open()
        server.startTLS(server: site.server)
        let clientDiary = SocketDiary()
        let client = StreamSocket(dup(raw.descriptor), on: loop.loop)
        raw.close()
        client.delegate = clientDiary
        try client.open()
        try client.startTLS(client: site.client, peer: .name("site.example"), address: "")
        let expected = protocols.contains("h2") ? "h2" : protocols.first
        loop.turns { diary.events == [.secured(expected)] && clientDiary.events == [.secured(expected)] }
        #expect(server.negotiated?.version == (version == .v12 ? "TLSv1.2" : "TLSv1.3"))
        client.write("question")
        client.flush()
        server.read()
        loop.turns { diary.text == "question" }
        server.write("answer")
        server.flush()
        client.read()
        loop.turns { clientDiary.text == "answer" }
        client.close()
        server.read()
        loop.turns { diary.events.contains(.inputEnded) }
        #expect(!server.lacksCloseNotify)
        server.close()
    }

    @Test("TLS that can't begin leaves nothing behind, neither on the socket nor for others")
    func cannotBegin() throws {
        var settings = TLSClientSettings()
        settings.verifies = false
        (settings.minimumVersion, settings.maximumVersion) = (.v13, .v12)
        let (socket, peer) = try joined()
        let context = try TLSClientContext(settings)
        #expect(throws: TLSFailure.self) {
            try socket.startTLS(client: context, peer: .name("site.example"), address: "")
        }
        #expect(loop.loop.buffers.tls.output.isEmpty && socket.negotiated == nil && !socket.isHandshaking)
        socket.close()
        loop.settle()
        #expect(peer.read().isEmpty && peer.hasSeenEnd)
    }

    @Test("a handshake asks nothing in its owner's name, and goes on though the owner stops reading")
    func unasked() throws {
        let (socket, peer) = try served()
        socket.stopReading()
        shakeHands(socket, peer)
        #expect(diary.events == [.secured("http/1.1")])
        peer.raw.write(try peer.encrypt("hello".utf8))
        loop.settle()
        #expect(diary.events == [.secured("http/1.1")])
        socket.read()
        loop.settle()
        #expect(diary.text == "hello")
    }

    @Test("a handshake goes on though its flight has to wait and nobody wants to read")
    func blockedFlight() throws {
        let (socket, peer) = try served()
        socket.noticesEnd = true
        var outcomes = [-Int(EAGAIN)]
        calls.writing = { _ in outcomes.popLast() }
        peer.pump()
        loop.settle()
        shakeHands(socket, peer)
        #expect(diary.events.contains(.secured("http/1.1")))
    }

    @Test("cut byte by byte, everything comes all the same")
    func bytewise() throws {
        let (socket, peer) = try served()
        diary.answer = { event, socket in if event == .readComplete { socket.read() } }
        socket.read()
        calls.reading = { SystemCall.read(socket.descriptor, .init(rebasing: $0[..<1])).orCode }
        shakeHands(socket, peer)
        peer.raw.write(try peer.encrypt("hello ".utf8) + peer.encrypt("there".utf8))
        loop.turns { diary.text == "hello there" }
        #expect(diary.events == [.secured("http/1.1"), .received(6), .readComplete, .received(5), .readComplete])
    }

    @Test("a mebibyte goes each way, though the peer is slow")
    func large() throws {
        let (socket, peer) = try served()
        shakeHands(socket, peer)
        let bytes = (0..<1024 * 1024).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        socket.write(ByteBuffer(bytes: bytes))
        socket.flush()
        #expect(!socket.isDrained)
        loop.turns {
            peer.pump(limit: 30_000)
            return peer.plaintext.count == bytes.count
        }
        #expect(peer.plaintext == bytes)
        #expect(diary.events == [.secured("http/1.1"), .writable(false), .writable(true), .drained])
        diary.clear()
        diary.answer = { event, socket in if event == .readComplete { socket.read() } }
        socket.read()
        var wire = try peer.encrypt(bytes)[...]
        loop.turns {
            wire = wire.dropFirst(peer.raw.write(wire))
            return diary.bytes.count == bytes.count
        }
        #expect(diary.bytes == bytes)
    }

    @Test("what is written before the handshake's end goes behind it, and so does an end of the output")
    func early() throws {
        let (socket, peer) = try served()
        socket.write("early ")
        socket.flush()
        #expect(!socket.isDrained)
        socket.write("bird")
        socket.endOutput()
        #expect(diary.events == [])
        shakeHands(socket, peer)
        loop.turns {
            peer.pump()
            return peer.hasEnded
        }
        #expect(peer.text == "early bird")
        #expect(peer.failure == nil)
        #expect(diary.events == [.secured("http/1.1"), .drained, .outputEnded])
    }

    @Test("an update of keys is answered and goes on", arguments: [true, false])
    func keyUpdate(asks: Bool) throws {
        let (socket, peer) = try served()
        shakeHands(socket, peer)
        diary.answer = { event, socket in if event == .readComplete { socket.read() } }
        socket.read()
        for _ in 0..<3 {
            peer.connection.updateKey(asksPeer: asks)
            peer.raw.write(try peer.encrypt("in".utf8))
            loop.settle()
            socket.write("out")
            socket.flush()
            peer.pump()
        }
        #expect(diary.text == "ininin")
        #expect(peer.text == "outoutout")
        #expect(peer.failure == nil)
    }

    @Test("a loop that ends keeps no socket whose handshake was to go on")
    func endsAmidHandshake() throws {
        weak var left: StreamSocket?
        do {
            let (socket, _) = try served()
            left = socket
            socket.ready(.readable)
            #expect(loop.loop.handshakes.areDue)
        }
        loop.loop.windUp()
        #expect(diary.isClosed)
        #expect(left == nil)
    }

    @Test("a crowd of handshakes does not hold up an open socket")
    func crowd() throws {
        let (open, openRaw) = try RawPeer.joined(to: loop.loop)
        let openDiary = SocketDiary()
        open.delegate = openDiary
        openDiary.answer = { event, socket in if event == .readComplete { socket.read() } }
        try open.open()
        open.read()
        let count = 100
        var secured = 0
        // How many turns it took until the open socket had each of its messages.
        let crowd = try (0..<count).map { _ in
            let (socket, raw) = try RawPeer.joined(to: loop.loop)
            let diary = SocketDiary()
            diary.answer = { event, _ in if case .secured = event { secured += 1 } }
            socket.delegate = diary
            try socket.open()
            socket.startTLS(server: site.server)
            let peer = try TLSPeer(client: site, raw)
            return (socket, peer, diary)
        }
        for (_, peer, _) in crowd { peer.pump() }
        var turns = 0
        var served = 0
        while crowd.contains(where: { $0.0.isHandshaking }), turns < 10_000 {
            openRaw.write("x")
            _ = loop.loop.turn(limit: 5)
            turns += 1
            if openDiary.bytes.count == turns { served += 1 }
            for (_, peer, _) in crowd where peer.connection.isHandshaking || secured < count { peer.pump() }
        }
        #expect(secured == count)
        #expect(turns > 3, "all hands were shaken within \(turns) turns, expected several")
        #expect(served == turns, "the open socket was served in \(served) of \(turns) turns")
        for (socket, _, _) in crowd { socket.close() }
        open.close()
    }
}

extension Int {
    /// As `ScriptedCalls` wants it.
    fileprivate var orCode: Int { self < 0 ? -Int(errno) : self }
}
