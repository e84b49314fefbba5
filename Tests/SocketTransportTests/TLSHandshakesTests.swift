import Foundation
import NIOCore
import TestSupport
import Testing

@testable import GatewayTLS
@testable import SocketTransport

@Suite("The TLS handshakes of an event loop")
struct TLSHandshakesTests: TLSSocketFixture {
    let loop: DrivenLoop
    let site: TLSSite
    let diary = SocketDiary()

    private var handshakes: TLSHandshakes { loop.loop.handshakes }

    init() throws {
        loop = try DrivenLoop()
        site = try TLSSite()
    }

    /// A socket whose client has sent its ClientHello and answers nothing.
    private func begun() throws -> (StreamSocket, TLSPeer) {
        let (socket, peer) = try served()
        socket.delegate = SocketDiary()
        peer.raw.write(peer.take())
        loop.settle()
        return (socket, peer)
    }

    private func counts(_ underWay: Int, _ inLine: Int) -> Bool { handshakes.counts == (underWay, inLine) }

    @Test("who has said nothing takes no place, and who is done or gone leaves it")
    func places() throws {
        let (first, firstPeer) = try served()
        #expect(first.isHandshaking && counts(0, 0))
        firstPeer.raw.write(firstPeer.take())
        loop.settle()
        #expect(counts(1, 0))
        let second = try begun()
        #expect(counts(2, 0))
        shakeHands(first, firstPeer)
        #expect(counts(1, 0))
        second.0.close()
        #expect(counts(0, 0))
        first.close()
        #expect(counts(0, 0))
    }

    @Test("past the bound they wait unread, are let in in their order, and none is lost")
    func line() throws {
        handshakes.limit = 2
        let crowd = try (0..<6).map { _ in try begun() }
        #expect(counts(2, 4))
        for (socket, peer) in crowd.dropFirst(2) {
            #expect(socket.isHandshaking && socket.tls == nil)
            #expect(peer.raw.read() == [])
        }
        for number in 0..<6 {
            let (socket, peer) = crowd[number]
            // The ones behind the next two have not begun.
            #expect(crowd.dropFirst(number + 2).allSatisfy { $0.0.tls == nil })
            shakeHands(socket, peer)
            loop.settle()
            #expect(counts(min(2, 5 - number), max(0, 3 - number)))
            socket.close()
        }
    }

    @Test("nobody passes those who wait, and a higher bound lets them in")
    func raised() throws {
        handshakes.limit = 1
        let first = try begun()
        let second = try begun()
        let third = try begun()
        #expect(counts(1, 2))
        handshakes.limit = 2
        loop.settle()
        #expect(counts(2, 1))
        #expect(second.0.tls != nil && third.0.tls == nil)
        shakeHands(second.0, second.1)
        shakeHands(third.0, third.1)
        for socket in [first.0, second.0, third.0] { socket.close() }
        #expect(counts(0, 0))
    }

    @Test("who leaves the line, by its own end or the connection's, is passed over", arguments: [true, false])
    func left(byReset: Bool) throws {
        handshakes.limit = 1
        let first = try begun()
        var waiting: [(StreamSocket, TLSPeer)] = []
        for _ in 0..<200 { waiting.append(try begun()) }
        #expect(counts(1, 200))
        for (socket, peer) in waiting.dropLast() { if byReset { peer.raw.close() } else { socket.close() } }
        loop.turns { counts(1, 1) }
        first.0.close()
        let (socket, peer) = waiting[199]
        shakeHands(socket, peer)
        #expect(counts(0, 0))
        socket.close()
    }

    @Test("bytes that came before TLS wait as well, and nothing of them is lost")
    func early() throws {
        handshakes.limit = 1
        let first = try begun()
        let (socket, raw) = try joined()
        let peer = try TLSPeer(client: site, raw)
        socket.startTLS(server: site.server, early: ByteBuffer(bytes: peer.take()))
        loop.settle()
        #expect(counts(1, 1))
        first.0.close()
        shakeHands(socket, peer)
        #expect(diary.events == [.secured("http/1.1")])
        socket.close()
    }

    @Test("while others wait, a client that says nothing loses its place, and one that goes on does not")
    func patience() throws {
        handshakes.limit = 2
        handshakes.patience = .milliseconds(50)
        handshakes.interval = .milliseconds(10)
        let silent = try begun()
        let slow = try begun()
        // Nobody waits.
        let end = NIODeadline.now() + .milliseconds(100)
        loop.turns { NIODeadline.now() > end }
        #expect(counts(2, 0))
        let waiting = try begun()
        loop.turns {
            slow.1.pump(limit: 1)
            return !silent.0.isOpen || !slow.0.isOpen
        }
        #expect(waiting.0.isOpen)
        shakeHands(waiting.0, waiting.1)
        waiting.0.close()
    }

    @Test(
        "while a long key is used the loop goes on, and so does the handshake afterwards",
        arguments: [TLSMinimumVersion.v12, .v13], [false, true])
    func longKey(version: TLSMinimumVersion, isBytewise: Bool) throws {
        let site = try TLSSite(version: version, key: .rsa)
        let (socket, peer) = try served(site)
        let hello = peer.take()
        if isBytewise {
            for byte in hello {
                peer.raw.write([byte])
                _ = loop.loop.turn(limit: 0)
            }
        } else {
            peer.raw.write(hello)
            _ = loop.loop.turn(limit: 0)
        }
        _ = loop.loop.turn(limit: 0)
        shakeHands(socket, peer)
        #expect(diary.events == [.secured("http/1.1")])
        socket.read()
        peer.raw.write(try peer.encrypt("hello".utf8))
        loop.turns { diary.text == "hello" }
        socket.close()
    }

    @Test("a connection that ends while a key is used for it is gone at once")
    func goneMeanwhile() throws {
        let site = try TLSSite(key: .rsa)
        for _ in 0..<20 {
            let (socket, peer) = try served(site)
            peer.raw.write(peer.take())
            loop.turns { socket.awaitsKey }
            socket.close()
            #expect(counts(0, 0))
        }
        loop.settle()
        let (socket, peer) = try served(site)
        shakeHands(socket, peer)
        socket.close()
    }

    @Test("a client that leaves before its key's turn is gone at once, and the key is not used for it")
    func leftBeforeKey() throws {
        let site = try TLSSite(key: .rsa)
        // Their signatures take far longer than a turn of the loop.
        let crowd = try (0..<100).map { _ in try served(site) }
        for (_, peer) in crowd { peer.raw.write(peer.take()) }
        let (socket, peer) = crowd[99]
        loop.turns { socket.awaitsKey }
        peer.raw.end()
        loop.turns { !socket.isOpen }
        #expect(peer.raw.read() == [] && peer.raw.hasSeenEnd)
        #expect((diary.error as? TLSFailure)?.kind == .cutShort)
        #expect(counts(99, 0))
        for (socket, _) in crowd { socket.close() }
    }
}
