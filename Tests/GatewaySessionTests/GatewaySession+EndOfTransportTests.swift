import GatewayConfig
import GatewaySession
import NIOCore
import Testing

/// Transports that end, in order or not, and what still waits for their peers then.
@Suite struct GatewaySessionEndOfTransportTests {
    @Test("TCP that ends in order between messages is passed on as it is", arguments: Leg.allCases, Split.all)
    func passesEnd(leg: Leg, split: Split) {
        let pair = SimulatedPair(split: split)
        pair.peer(leg).send(text: "last")
        pair.peer(leg).ends = true
        pair.run()
        let other = pair.peer(leg.other)
        #expect(other.messages.count == 1)
        #expect(other.close == nil && other.end == .end)
        #expect(pair.peer(leg).close == nil)
        pair.expectFinished(
            SessionOutcome(
                closer: leg == .client ? .client : .server, code: 1006, reason: "connection ended without a Close"))
    }

    @Test("one half may end before the other: what still comes is delivered")
    func keepsOtherHalf() {
        let pair = SimulatedPair()
        pair.server.endsTransport = false
        pair.client.endsTransport = false
        pair.client.ends = true
        pair.run()
        #expect(pair.server.end == .end && pair.client.end == nil)
        pair.server.send(text: "answer")
        pair.run()
        #expect(pair.client.messages.count == 1)
        pair.server.ends = true
        pair.run()
        #expect(pair.client.end == .end)
        pair.expectFinished(SessionOutcome(closer: .client, code: 1006, reason: "connection ended without a Close"))
    }

    enum Break: CaseIterable { case end, reset }

    @Test(
        "TCP that breaks off inside a frame: the frame was begun, so the other side is dropped",
        arguments: Leg.allCases, Break.allCases)
    func dropsInsideFrame(leg: Leg, kind: Break) {
        let pair = SimulatedPair()
        pair.peer(leg).send(SimulatedFrame(opcode: 2, payload: .some(50), claimedLength: 100))
        breakOff(pair, leg, kind)
        let other = pair.peer(leg.other)
        #expect(other.isInsideFrame && other.close == nil && other.end == .drop)
        expectVanished(pair, leg, kind)
    }

    @Test(
        "the frames before one that is never finished reach the other side, however slowly", arguments: Leg.allCases,
        Break.allCases)
    func deliversBeforeBreakingOff(leg: Leg, kind: Break) {
        let pair = SimulatedPair()
        pair[leg.other].isHeld = true
        let message = SimulatedMessage(isText: false, payload: .some(10_000))
        for _ in 0..<3 { pair.peer(leg).send(message) }
        pair.peer(leg).send(SimulatedFrame(opcode: 2, payload: .some(50), claimedLength: 100))
        breakOff(pair, leg, kind)
        let other = pair.peer(leg.other)
        #expect(other.messages.isEmpty && other.end == nil && !pair.isFinished)
        // What it sends meanwhile goes nowhere, and holds up nothing.
        other.send(text: "are you there?")
        pair.run()
        for _ in 0..<8 {
            pair.release(leg.other, 4_000)
            pair.run()
        }
        #expect(other.messages == [message, message, message])
        #expect(other.isInsideFrame && other.close == nil && other.end == .drop)
        expectVanished(pair, leg, kind)
    }

    @Test("nobody waits for ever until they are taken", arguments: Leg.allCases, Break.allCases)
    func dropsWhenTimeIsOver(leg: Leg, kind: Break) {
        let pair = SimulatedPair()
        pair[leg.other].isHeld = true
        pair.peer(leg).send(SimulatedMessage(isText: false, payload: .some(10_000)))
        pair.peer(leg).send(SimulatedFrame(opcode: 2, payload: .some(50), claimedLength: 100))
        breakOff(pair, leg, kind)
        pair.advance(by: .milliseconds(4_999))
        #expect(!pair.isFinished)
        pair.advance(by: .milliseconds(1))
        #expect(pair.isFinished && pair.peer(leg.other).end == .drop)
    }

    @Test(
        "TCP that breaks off where the other side stands between frames: 1011 to the client, 1001 to the server",
        arguments: Leg.allCases, Break.allCases)
    func saysGoodbye(leg: Leg, kind: Break) {
        let deflated = SimulatedFrame(fin: true, reserved: 4, opcode: 1, payload: [0x2A], claimedLength: 50)
        let plain = SimulatedFrame(fin: false, opcode: 1, payload: .some(50), claimedLength: 200)
        // Inside a message; inside a header; inside a frame that is being inflated, or compressed.
        let cases: [([SimulatedFrame], CompressionPairing?)] = [
            ([.text("x", fin: false)], nil), ([.text("x", fin: false), .ping("p")], nil),
            ([SimulatedFrame(opcode: 9, payload: [1], claimedLength: 2)], nil),
            ([deflated], leg == .client ? .clientOnly : .serverOnly),
            ([plain], leg == .client ? .serverOnly : .clientOnly),
        ]
        for (frames, pairing) in cases {
            let pair = SimulatedPair(extensions: pairing?.extensions ?? .none)
            pair.peer(leg).send(frames)
            breakOff(pair, leg, kind)
            let code: UInt16 = leg == .server ? 1011 : 1001
            #expect(pair.peer(leg.other).close?.code == code, "\(frames)")
            #expect(pair.peer(leg.other).end == .end)
            expectVanished(pair, leg, kind)
        }
    }

    @Test("a reset between messages: 1011 to the client, 1001 to the server", arguments: Leg.allCases)
    func saysGoodbyeAfterReset(leg: Leg) {
        let pair = SimulatedPair()
        pair.peer(leg).send(text: "last")
        breakOff(pair, leg, .reset)
        #expect(pair.peer(leg.other).messages.count == 1)
        #expect(pair.peer(leg.other).close?.code == (leg == .server ? 1011 : 1001))
        expectVanished(pair, leg, .reset)
    }

    private func breakOff(_ pair: SimulatedPair, _ leg: Leg, _ kind: Break) {
        pair.run()
        if kind == .end { pair.peer(leg).ends = true } else { pair.reset(leg) }
        pair.run()
    }

    private func expectVanished(_ pair: SimulatedPair, _ leg: Leg, _ kind: Break) {
        let how = kind == .end ? "connection ended inside a message" : "connection was reset"
        pair.expectFinished(
            SessionOutcome(closer: leg == .client ? .client : .server, code: 1006, reason: "\(leg) \(how)"))
    }

    @Test(
        "what a peer sent before it went is delivered first, however slowly", arguments: Leg.allCases, [1000, 1, nil])
    func deliversBeforeEnd(leg: Leg, close: Int?) {
        let pair = SimulatedPair()
        pair[leg.other].isHeld = true
        let message = SimulatedMessage(isText: false, payload: .some(100_000))
        for _ in 0..<3 { pair.peer(leg).send(message) }
        if close == 1000 { pair.peer(leg).send(close: 1000) }
        if close == 1 { pair.overreads = 3 }
        pair.peer(leg).ends = true
        pair.run()
        #expect(pair.peer(leg.other).end == nil)
        for _ in 0..<30 {
            pair.release(leg.other, 20_000)
            pair.run()
        }
        #expect(pair.peer(leg.other).messages == [message, message, message])
        #expect(pair.peer(leg.other).close?.code == (close == 1000 ? 1000 : nil))
        #expect(pair.isFinished)
        pair.expectSound()
    }

    @Test(
        "what waits for a peer when both sides have ended reaches it, however slowly", arguments: Leg.allCases,
        [true, false])
    func deliversBehindBothEnds(leg: Leg, closes: Bool) {
        let pair = SimulatedPair()
        let peer = pair.peer(leg)
        let other = pair.peer(leg.other)
        pair[leg].isHeld = true
        let message = SimulatedMessage(isText: false, payload: .some(40_000))
        other.send(message)
        if closes {
            other.send(close: 1000)
            peer.send(close: 1000)
        }
        peer.ends = true
        other.ends = true
        pair.run()
        #expect(pair[leg].gatewayEnded && pair[leg].peerEndDelivered)
        for _ in 0..<3 {
            #expect(!pair.isFinished)
            // Altogether longer than a peer that has everything is waited for.
            pair.advance(by: .milliseconds(900))
            pair.release(leg, 14_000)
            pair.run()
        }
        #expect(peer.messages == [message])
        #expect(peer.close?.code == (closes ? 1000 : nil) && peer.end == .end)
        #expect(pair.isFinished)
        pair.expectSound()
    }

    @Test("nobody waits for ever until it is taken", arguments: Leg.allCases)
    func dropsSlowReaders(leg: Leg) {
        let pair = SimulatedPair()
        pair[leg].isHeld = true
        pair.peer(leg.other).send(SimulatedMessage(isText: false, payload: .some(100_000)))
        pair.peer(leg).send(close: 1000)
        pair.peer(leg).ends = true
        pair.run()
        pair.advance(by: .milliseconds(4_999))
        #expect(!pair.isFinished)
        pair.advance(by: .milliseconds(1))
        #expect(pair.isFinished && pair.peer(leg).end == .drop)
    }
}
