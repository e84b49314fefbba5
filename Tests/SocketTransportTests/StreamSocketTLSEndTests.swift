import Foundation
import NIOCore
import Testing

@testable import GatewayTLS
@testable import SocketTransport

@Suite("How TLS on stream sockets ends")
struct StreamSocketTLSEndTests: TLSSocketFixture {
    private let calls = ScriptedCalls()
    let loop: DrivenLoop
    let site: TLSSite
    let diary = SocketDiary()

    init() throws {
        loop = try DrivenLoop(calls: calls)
        site = try TLSSite()
    }

    @Test("data and close_notify of one read are both told, the read complete in between")
    func dataAndEnd() throws {
        let (socket, peer) = try served()
        shakeHands(socket, peer)
        socket.read()
        let data = try peer.encrypt("last".utf8)
        peer.connection.end()
        peer.raw.write(data + peer.take())
        loop.settle()
        #expect(diary.events == [.secured("http/1.1"), .received(4), .readComplete, .inputEnded])
        #expect(!socket.lacksCloseNotify)
        socket.write("still")
        socket.flush()
        peer.pump()
        #expect(peer.text == "still")
    }

    @Test("an end without close_notify is one in order, and known as such")
    func unclean() throws {
        let (socket, peer) = try served()
        shakeHands(socket, peer)
        socket.read()
        peer.raw.end()
        loop.settle()
        #expect(diary.events == [.secured("http/1.1"), .inputEnded])
        #expect(socket.lacksCloseNotify)
        socket.close()
    }

    @Test("an end inside a record, or inside the handshake, is a failure", arguments: [true, false])
    func cut(inHandshake: Bool) throws {
        let (socket, peer) = try served()
        if inHandshake {
            peer.pump()
        } else {
            shakeHands(socket, peer)
            peer.raw.write(try peer.encrypt("cut".utf8).dropLast())
        }
        socket.read()
        peer.raw.end()
        loop.turns { diary.isClosed }
        #expect(diary.events.last == .closed(-1))
        #expect(diary.error is TLSFailure)
        #expect(diary.bytes.isEmpty)
    }

    @Test("a close says close_notify, as far as the kernel takes it", arguments: [true, false])
    func close(isBlocked: Bool) throws {
        let (socket, peer) = try served()
        shakeHands(socket, peer)
        if isBlocked { calls.writing = { _ in -Int(EAGAIN) } }
        socket.close()
        #expect(diary.events.last == .closed(0))
        peer.pump()
        #expect(peer.hasEnded == !isBlocked)
        #expect(loop.loop.buffers.tls.output.isEmpty)
    }

    @Test("a failure sends its alert and closes; what came before it is told", arguments: [true, false])
    func failure(hasData: Bool) throws {
        let (socket, peer) = try served()
        shakeHands(socket, peer)
        socket.read()
        let data = hasData ? try peer.encrypt("good".utf8) : []
        var bad = try peer.encrypt("bad".utf8)
        bad[bad.count - 1] ^= 1
        peer.raw.write(data + bad)
        loop.turns { diary.isClosed }
        #expect(
            diary.events == [.secured("http/1.1")] + (hasData ? [.received(4), .readComplete] : []) + [.closed(-1)])
        peer.pump()
        #expect(peer.failure != nil)
    }

    @Test("what is no TLS at all closes with an alert")
    func nonsense() throws {
        let (socket, peer) = try served()
        _ = peer.take()
        peer.raw.write("GET / HTTP/1.1\r\n\r\n")
        loop.turns { diary.isClosed }
        #expect(diary.events == [.closed(-1)])
        #expect(!socket.isOpen)
    }

    @Test("what came is told before the answer to it fails")
    func brokenAnswer() throws {
        let (socket, peer) = try served()
        shakeHands(socket, peer)
        socket.read()
        peer.connection.updateKey(asksPeer: true)
        peer.raw.write(try peer.encrypt("last words".utf8))
        calls.writing = { _ in -Int(EPIPE) }
        diary.answer = { event, socket in
            guard event == .received(10) else { return }
            // The answer to the update of keys goes with it.
            socket.write("answer")
            socket.flush()
        }
        loop.turns { diary.isClosed }
        #expect(diary.text == "last words")
        #expect(diary.events.last == .closed(EPIPE))
    }

    @Test("a socket that breaks leaves nothing that would go to another peer")
    func otherPeer() throws {
        let (socket, peer) = try served()
        shakeHands(socket, peer)
        let (other, otherRaw) = try RawPeer.joined(to: loop.loop)
        let otherDiary = SocketDiary()
        other.delegate = otherDiary
        try other.open()
        other.startTLS(server: site.server)
        let otherPeer = try TLSPeer(client: site, otherRaw)
        shakeHands(other, otherPeer)
        diary.answer = { event, _ in
            guard case .closed = event else { return }
            other.write("for the other")
            other.flush()
            other.close()
        }
        peer.raw.close()
        socket.write("for the first")
        socket.flush()
        #expect(diary.events.last == .closed(EPIPE))
        otherPeer.pump()
        #expect(otherPeer.text == "for the other")
        #expect(otherPeer.failure == nil)
        #expect(otherPeer.hasEnded)
    }
}
