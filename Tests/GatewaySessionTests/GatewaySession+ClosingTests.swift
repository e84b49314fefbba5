import GatewayConfig
import GatewaySession
import NIOCore
import Testing

@Suite struct GatewaySessionClosingTests {
    private static let longest = String(repeating: "x", count: 121) + "é"

    static let closes: [SimulatedClose] = [
        SimulatedClose(nil), SimulatedClose(1000), SimulatedClose(1001, "bye"), SimulatedClose(1011, "κόσμε"),
        SimulatedClose(1012), SimulatedClose(3000), SimulatedClose(4000, "application"),
        SimulatedClose(4999, longest),
    ]

    @Test("a Close passes both ways, code and reason, and ends both transports", arguments: closes, Split.all)
    func passesClose(close: SimulatedClose, split: Split) {
        for leg in Leg.allCases {
            let pair = SimulatedPair(split: split)
            let bytes = pair.peer(leg).send(.close(close.code, close.reason))
            pair.run()
            #expect(pair[leg.other].writes.flatMap { $0 } == bytes)
            #expect(pair.peer(leg.other).close == close)
            #expect(pair.peer(leg).close == SimulatedClose(close.code))
            #expect(pair.client.end == .end && pair.server.end == .end)
            pair.expectFinished(
                SessionOutcome(
                    closer: leg == .client ? .client : .server, code: close.code ?? 1005, reason: close.reason))
        }
    }

    @Test("the answer passes as it is, 1000 whatever came", arguments: Leg.allCases)
    func passesAnswer(leg: Leg) {
        let pair = SimulatedPair()
        pair.peer(leg.other).answerCode = 1000
        pair.peer(leg).send(close: 4001, "mine")
        pair.run()
        #expect(pair.peer(leg).close == SimulatedClose(1000))
        #expect(pair.peer(leg.other).close == SimulatedClose(4001, "mine"))
        pair.expectFinished(
            SessionOutcome(closer: leg == .client ? .client : .server, code: 4001, reason: "mine"))
    }

    @Test("two Closes that cross are each other's answer")
    func passesCrossingCloses() {
        let pair = SimulatedPair()
        pair.client.send(close: 4000)
        pair.server.send(close: 4001)
        pair.run()
        #expect(pair.server.close == SimulatedClose(4000))
        #expect(pair.client.close == SimulatedClose(4001))
        pair.expectFinished(SessionOutcome(closer: .client, code: 4000, reason: ""))
    }

    @Test("the server closes TCP first (RFC 6455 §7.1.1): the gateway to the client, the server to the gateway")
    func endsTransportsInOrder() {
        let pair = SimulatedPair()
        pair.client.endsTransport = false
        pair.server.endsTransport = false
        pair.client.send(close: 1000)
        pair.run()
        #expect(pair.clientLink.gatewayEnded)
        #expect(!pair.serverLink.gatewayEnded)
        pair.server.ends = true
        pair.run()
        #expect(pair.serverLink.gatewayEnded)
        #expect(!pair.isFinished)
        pair.client.ends = true
        pair.run()
        pair.expectFinished(SessionOutcome(closer: .client, code: 1000, reason: ""))
    }

    @Test("a Close may come between two fragments", arguments: [CompressionPairing.same, .clientOnly, .serverOnly])
    func passesCloseBetweenFragments(pairing: CompressionPairing) {
        for leg in Leg.allCases {
            let pair = SimulatedPair(extensions: pairing.extensions)
            let isCompressed = (leg == .client ? pairing.client : pairing.server) != nil
            let message = SimulatedMessage(isText: true, payload: sampleText(500))
            pair.peer(leg).send(pair.peer(leg).frames(of: message, compressed: isCompressed, fragments: [9])[0])
            pair.peer(leg).send(close: 4002)
            pair.run()
            #expect(pair.peer(leg.other).close == SimulatedClose(4002))
            #expect(pair.peer(leg.other).messages == [])
            pair.expectFinished(SessionOutcome(closer: leg == .client ? .client : .server, code: 4002, reason: ""))
        }
    }

    @Test("nothing that follows a Close is looked at")
    func ignoresWhatFollowsClose() {
        let pair = SimulatedPair()
        pair.client.send(close: 1000)
        pair.client.send(text: "late")
        pair.client.send(SimulatedFrame(reserved: 7, opcode: 0xF))
        pair.run()
        #expect(pair.server.frames.map(\.opcode) == [8])
        pair.expectFinished(SessionOutcome(closer: .client, code: 1000, reason: ""))
    }

    @Test("data on its way to a peer that has sent its Close still arrives before the answer")
    func deliversUntilAnswer() {
        let pair = SimulatedPair()
        pair.server.answersClose = false
        pair.client.send(close: 1000)
        pair.run()
        pair.server.send(text: "last words")
        pair.server.send(close: 1000)
        pair.server.ends = true
        pair.run()
        #expect(pair.client.frames.map(\.opcode) == [1, 8])
        pair.expectFinished(SessionOutcome(closer: .client, code: 1000, reason: ""))
    }

    @Test(
        "a Close without an answer: the one who sent it gets it back when close_timeout is over",
        arguments: Leg.allCases)
    func cutsWithoutAnswer(leg: Leg) {
        let pair = SimulatedPair()
        pair.peer(leg.other).answersClose = false
        pair.peer(leg.other).endsTransport = false
        pair.peer(leg).send(close: 4003, "hm")
        pair.run()
        pair.advance(by: .milliseconds(4999))
        #expect(!pair.isFinished && pair.peer(leg).close == nil)
        pair.advance(by: .milliseconds(1))
        #expect(pair.peer(leg).close == SimulatedClose(4003))
        pair.expectFinished(SessionOutcome(closer: leg == .client ? .client : .server, code: 4003, reason: "hm"))
    }

    @Test("a peer that never ends TCP is dropped when close_timeout is over", arguments: Leg.allCases)
    func dropsLingerers(leg: Leg) {
        let pair = SimulatedPair()
        pair.peer(leg).endsTransport = false
        pair.client.send(close: 1000)
        pair.run()
        #expect(!pair.isFinished)
        pair.advance(by: .seconds(5))
        pair.expectFinished(SessionOutcome(closer: .client, code: 1000, reason: ""))
    }

    // MARK: Rules broken while something else goes on

    @Test("the answer to what came before a violation is delivered before the Close", arguments: Leg.allCases)
    func deliversAnswerBeforeClose(leg: Leg) {
        let pair = SimulatedPair()
        let other = pair.peer(leg.other)
        other.answersClose = false
        pair.peer(leg).send(text: "valid")
        pair.peer(leg).send(SimulatedFrame(reserved: 1, opcode: 1, payload: .some(5)))
        pair.peer(leg).send(text: "not looked at")
        pair.run()
        #expect(other.texts(of: SimulatedFrame.text) == ["valid"])
        #expect(other.close?.code == 1001)
        #expect(pair.peer(leg).close == nil)
        other.send(text: "answer")
        other.send(close: 1001)
        other.ends = true
        pair.run()
        #expect(pair.peer(leg).texts(of: SimulatedFrame.text) == ["answer"])
        #expect(pair.peer(leg).close?.code == 1002)
        pair.expectSound()
        #expect(pair.isFinished)
    }

    @Test("the Close to who broke a rule waits 250 ms at most", arguments: Leg.allCases)
    func waitsForAnswersNoLonger(leg: Leg) {
        let pair = SimulatedPair()
        let other = pair.peer(leg.other)
        other.answersClose = false
        pair.peer(leg).send(SimulatedFrame(reserved: 1, opcode: 1, payload: .some(5)))
        pair.run()
        pair.advance(by: .milliseconds(249))
        #expect(pair.peer(leg).close == nil)
        pair.advance(by: .milliseconds(1))
        #expect(pair.peer(leg).close?.code == 1002)
        other.send(text: "too late")
        pair.run()
        #expect(pair.peer(leg).messages == [])
        pair.expectSound()
    }

    @Test(
        "the Close to who broke a rule goes at once where the other side can say nothing more", arguments: Leg.allCases)
    func waitsForNobodyGone(leg: Leg) {
        let pair = SimulatedPair()
        pair.peer(leg.other).answersClose = false
        pair.peer(leg.other).endsTransport = false
        // The frame that is cut by the violation can't be finished, so the other side is dropped.
        let broken: [UInt8] = [0x68, 0x69, 0xFF]
        let bytes = pair.peer(leg).send(SimulatedFrame(opcode: 1, payload: broken, claimedLength: 100))
        pair.peer(leg).outbox.removeLast()
        pair.run()
        pair.peer(leg).outbox += bytes.suffix(1)
        pair.run()
        #expect(pair.peer(leg.other).end == .drop)
        #expect(pair.peer(leg).close?.code == 1007)
        pair.expectSound()
    }

    @Test("a Close waits for the frame that is on its way to the one who broke a rule")
    func waitsForFrame() {
        let pair = SimulatedPair()
        pair.server.answersClose = false
        var frame = pair.server.frames(of: SimulatedMessage(isText: true, payload: .some(300)))[0].encoded(
            maskKey: [], byDefaultMasked: false)
        let rest = Array(frame.suffix(100))
        frame.removeLast(100)
        pair.server.outbox += frame
        pair.run()
        pair.client.send(.continuation("nothing to continue"))
        pair.run()
        #expect(pair.server.close?.code == 1001)
        pair.advance(by: .milliseconds(250))
        #expect(pair.client.close == nil)
        pair.server.outbox += rest
        pair.server.send(text: "not to be seen")
        pair.server.send(close: 1001)
        pair.server.ends = true
        pair.run()
        #expect(pair.client.messages == [SimulatedMessage(isText: true, payload: .some(300))])
        #expect(pair.client.close?.code == 1002)
        pair.expectSound()
        #expect(pair.isFinished)
    }

    @Test("a frame that never ends: who broke a rule is dropped when close_timeout is over")
    func dropsInsideEndlessFrame() {
        let pair = SimulatedPair()
        pair.server.answersClose = false
        pair.server.send(SimulatedFrame(opcode: 2, payload: .some(10), claimedLength: 100))
        pair.run()
        pair.client.send(.continuation("nothing to continue"))
        pair.run()
        pair.advance(by: .seconds(5))
        #expect(pair.clientLink.bytesWritten == 12, "nothing was written inside the frame")
        #expect(pair.client.end == .drop)
        #expect(pair.outcome?.code == 1002)
        pair.expectSound()
    }

    @Test("a Close that is not answered is not given back inside a frame", arguments: Leg.allCases)
    func dropsCloserInsideFrame(leg: Leg) {
        let pair = SimulatedPair()
        let other = pair.peer(leg.other)
        other.answersClose = false
        other.endsTransport = false
        other.send(SimulatedFrame(opcode: 2, payload: .some(10), claimedLength: 100))
        pair.run()
        let before = pair[leg].bytesWritten
        pair.peer(leg).send(close: 1000)
        pair.run()
        pair.advance(by: .seconds(5))
        #expect(pair[leg].bytesWritten == before)
        #expect(pair.peer(leg).end == .drop)
        pair.expectFinished(SessionOutcome(closer: leg == .client ? .client : .server, code: 1000, reason: ""))
    }

    @Test("a rule broken after a Close was sent ends the transport")
    func endsAfterLateViolation() {
        let pair = SimulatedPair()
        pair.server.answersClose = false
        pair.client.answersClose = false
        pair.close(1012)
        pair.client.send(.continuation("nothing to continue"))
        pair.run()
        #expect(pair.client.close == SimulatedClose(1012))
        #expect(pair.client.end == .end)
        pair.advance(by: .seconds(10))
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: ""))
    }
}
