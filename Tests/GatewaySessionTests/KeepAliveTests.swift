import GatewayConfig
import GatewaySession
import NIOCore
import Testing

@Suite struct KeepAliveTests {
    static let settings = SessionSettings.quiet.with {
        $0.pingInterval = .seconds(30)
        $0.pongTimeout = .seconds(10)
    }

    @Test("a quiet leg gets a ping with a payload, and its pong goes no further")
    func pingsAndSwallows() {
        let pair = SimulatedPair(settings: Self.settings)
        pair.advance(by: .milliseconds(29_999))
        #expect(pair.client.frames.isEmpty && pair.server.frames.isEmpty)
        pair.advance(by: .milliseconds(1))
        #expect(pair.client.frames.map(\.opcode) == [9])
        #expect(pair.server.frames.map(\.opcode) == [9])
        #expect(pair.client.frames.allSatisfy { $0.payload.starts(with: Array("sluice".utf8)) })
        pair.advance(by: .seconds(300))
        #expect(pair.client.frames.map(\.opcode) == Array(repeating: 9, count: 11))
        #expect(Set(pair.client.frames.map(\.payload)).count == 11, "no two pings are alike")
        #expect(!pair.isFinished)
        pair.expectSound()
    }

    @Test("no pings to a peer that sends", arguments: Leg.allCases)
    func sparesBusyLeg(leg: Leg) {
        let pair = SimulatedPair(settings: Self.settings)
        for _ in 0..<20 {
            pair.advance(by: .seconds(20))
            pair.peer(leg).send(text: "busy")
            pair.run()
        }
        #expect(pair.peer(leg).texts(of: SimulatedFrame.ping) == [])
        #expect(pair.peer(leg.other).texts(of: SimulatedFrame.ping).count > 5)
        pair.expectSound()
    }

    @Test("pings and pongs of the peers pass, while the gateway's own is unanswered too", arguments: Leg.allCases)
    func passesForeignPings(leg: Leg) {
        let pair = SimulatedPair(settings: Self.settings)
        pair.peer(leg.other).answersPings = false
        pair.advance(by: .seconds(30))
        let own = pair.peer(leg.other).frames[0].payload
        pair.peer(leg).send(.ping("theirs"))
        pair.run()
        #expect(pair.peer(leg.other).texts(of: SimulatedFrame.ping).last == "theirs")
        pair.peer(leg.other).send(.pong("theirs"))
        pair.peer(leg.other).send(SimulatedFrame(opcode: SimulatedFrame.pong, payload: own))
        pair.peer(leg.other).send(text: "data")
        pair.run()
        #expect(pair.peer(leg).texts(of: SimulatedFrame.pong) == ["theirs"])
        #expect(pair.peer(leg).messages.count == 1)
        pair.expectSound()
    }

    @Test(
        "late answers to several pings of the gateway's go no further", arguments: Leg.allCases,
        [[0, 1, 2], [0, 2], [2]])
    func swallowsLatePongs(leg: Leg, answered: [Int]) {
        let pair = SimulatedPair(settings: Self.settings)
        let peer = pair.peer(leg)
        peer.answersPings = false
        // Data comes before each pong, so that another ping follows.
        for _ in 0..<3 {
            pair.advance(by: .seconds(30))
            peer.send(text: "alive")
            pair.run()
        }
        let pings = peer.frames.filter { $0.opcode == SimulatedFrame.ping }.map(\.payload)
        #expect(pings.count == 3)
        pair.peer(leg.other).send(.ping("theirs"))
        pair.run()
        for number in answered { peer.send(SimulatedFrame(opcode: SimulatedFrame.pong, payload: pings[number])) }
        peer.send([.pong("theirs"), .pong("unsolicited")])
        pair.run()
        #expect(pair.peer(leg.other).texts(of: SimulatedFrame.pong) == ["theirs", "unsolicited"])
        pair.expectSound()
    }

    @Test("an unsolicited pong passes when no ping of the gateway's is on its way")
    func passesUnsolicitedPong() {
        let pair = SimulatedPair(settings: Self.settings)
        pair.client.send(.pong("heartbeat"))
        pair.run()
        #expect(pair.server.texts(of: SimulatedFrame.pong) == ["heartbeat"])
    }

    @Test("a pong with a constant payload answers the gateway's ping, and the peer's ping when there is one")
    func acceptsConstantPongs() {
        let pair = SimulatedPair(settings: Self.settings)
        pair.server.constantPong = Array("constant".utf8)
        pair.advance(by: .seconds(301))
        #expect(!pair.isFinished)
        #expect(pair.client.texts(of: SimulatedFrame.pong) == [])
        pair.client.send(.ping("a"))
        pair.run()
        #expect(pair.client.texts(of: SimulatedFrame.pong) == ["constant"])
        pair.advance(by: .seconds(100))
        #expect(pair.client.texts(of: SimulatedFrame.pong) == ["constant"])
        pair.expectSound()
    }

    @Test("any sign of life counts as an answer")
    func acceptsAnyTraffic() {
        let pair = SimulatedPair(settings: Self.settings)
        pair.client.answersPings = false
        for _ in 0..<10 {
            pair.advance(by: .seconds(30))
            pair.client.send(text: "alive")
            pair.run()
        }
        #expect(!pair.isFinished)
        #expect(pair.server.messages.count == 10)
        pair.expectSound()
    }

    @Test(
        "a peer that is silent after a ping is given up: 1011 to the client, 1001 to the server",
        arguments: Leg.allCases)
    func givesUpDeadPeer(leg: Leg) {
        let pair = SimulatedPair(settings: Self.settings)
        pair.peer(leg).answersPings = false
        pair.advance(by: .milliseconds(39_999))
        #expect(!pair.isFinished)
        #expect(pair.peer(leg.other).close == nil)
        pair.advance(by: .milliseconds(1))
        #expect(
            pair.peer(leg.other).close == SimulatedClose(leg == .server ? 1011 : 1001, "\(leg) did not answer a ping"))
        #expect(pair.peer(leg).end == .drop && pair.peer(leg).close == nil)
        pair.expectFinished(
            SessionOutcome(
                closer: leg == .client ? .client : .server, code: 1006, reason: "\(leg) did not answer a ping"))
    }

    @Test(
        "a ping waits for the end of the frame on its way to that leg, and for the leg to be writable",
        arguments: Leg.allCases)
    func waitsForBoundary(leg: Leg) {
        let pair = SimulatedPair(settings: Self.settings)
        let other = pair.peer(leg.other)
        other.answersPings = false
        other.send(SimulatedFrame(opcode: 2, payload: .some(50), claimedLength: 100))
        pair.run()
        pair.advance(by: .seconds(31))
        #expect(pair.peer(leg).frames.isEmpty && pair.peer(leg).isInsideFrame)
        other.outbox += [UInt8].some(50)
        pair.run()
        #expect(pair.peer(leg).frames.map(\.opcode) == [2, 9])

        pair.setWritable(leg, false)
        pair.advance(by: .seconds(31))
        #expect(pair.peer(leg).frames.count == 2)
        pair.peer(leg).answersPings = false
        pair.setWritable(leg, true)
        #expect(pair.peer(leg).frames.map(\.opcode) == [2, 9, 9])
        other.send(text: "alive")
        pair.run()
        pair.expectSound()
        // From now on the answer is waited for.
        pair.advance(by: .milliseconds(9999))
        #expect(!pair.isFinished)
        pair.advance(by: .seconds(11))
        #expect(pair.peer(leg).end == .drop)
    }

    @Test("a peer that takes nothing any more counts as gone, though it sends", arguments: Leg.allCases)
    func endsStalled(leg: Leg) {
        let pair = SimulatedPair(settings: Self.settings)
        // A stall that ends in time is none.
        pair.setWritable(leg, false)
        pair.advance(by: .seconds(39))
        pair.setWritable(leg, true)
        pair.setWritable(leg, false)
        for _ in 0..<39 {
            pair.advance(by: .seconds(1))
            pair.peer(leg).send(text: "still here")
            pair.run()
        }
        #expect(pair.peer(leg).end == nil)
        pair.advance(by: .seconds(1))
        #expect(pair.peer(leg).end == .drop)
        let (code, why): (UInt16, String) =
            leg == .client ? (1001, "client stopped reading") : (1011, "server stopped reading")
        #expect(pair.peer(leg.other).close == SimulatedClose(code, why))
        pair.expectFinished(
            SessionOutcome(closer: leg == .client ? .client : .server, code: 1006, reason: why))
    }

    @Test("a peer that is not read, as the other takes nothing, is not blamed for its silence", arguments: Leg.allCases)
    func sparesUnreadLeg(leg: Leg) {
        let pair = SimulatedPair(settings: Self.settings)
        pair.advance(by: .seconds(25))
        pair.setWritable(leg, false)
        // Its ping goes out 5 s later, and 10 s after that its pong is still unread.
        pair.advance(by: .seconds(39))
        #expect(!pair.isFinished)
        pair.setWritable(leg, true)
        pair.run()
        pair.advance(by: .seconds(300))
        #expect(!pair.isFinished)
        pair.expectSound()
    }

    @Test("without pings a peer may take nothing for as long as it likes")
    func allowsStallWithoutPings() {
        let pair = SimulatedPair()
        pair.setWritable(.client, false)
        pair.advance(by: .hours(1))
        #expect(!pair.isFinished)
        #expect(pair.nextDeadline == .distantFuture)
    }
}
