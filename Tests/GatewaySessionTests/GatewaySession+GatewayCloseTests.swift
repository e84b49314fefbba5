import GatewayConfig
import GatewaySession
import NIOCore
import Testing

/// A session that the gateway itself ends: drain, a removed route, an operator.
@Suite struct GatewayCloseTests {
    @Test("both sides get the Close, and answer it")
    func closesBoth() {
        let pair = SimulatedPair()
        pair.close(1012, "restart")
        pair.run()
        #expect(pair.client.close == SimulatedClose(1012, "restart"))
        #expect(pair.server.close == SimulatedClose(1012, "restart"))
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: "restart"))
    }

    @Test("a message in flight is let through first, from either side", arguments: Leg.allCases)
    func waitsForMessage(leg: Leg) {
        for pairing in [nil, CompressionPairing.clientOnly, .serverOnly, .same] {
            let pair = SimulatedPair(extensions: pairing?.extensions ?? .none)
            let isCompressed = (leg == .client ? pairing?.client : pairing?.server) != nil
            let message = SimulatedMessage(isText: true, payload: sampleText(900))
            let frames = pair.peer(leg).frames(of: message, compressed: isCompressed, fragments: [100, 100])
            pair.peer(leg).send(frames[0])
            pair.run()
            pair.close(1012)
            pair.peer(leg).send(frames[1])
            pair.run()
            #expect(pair.client.close == nil && pair.server.close == nil)
            pair.peer(leg).send(frames[2])
            pair.peer(leg).send(text: "too late")
            pair.run()
            #expect(pair.peer(leg.other).messages == [message])
            #expect(pair.client.close == SimulatedClose(1012))
            #expect(pair.server.close == SimulatedClose(1012))
            pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: ""))
        }
    }

    @Test("a message that does not end in time is broken off between two fragments", arguments: Leg.allCases)
    func breaksOffBetweenFragments(leg: Leg) {
        let pair = SimulatedPair()
        pair.peer(leg).send(.text("never", fin: false))
        pair.run()
        pair.close(1012, grace: .seconds(3))
        pair.advance(by: .milliseconds(2999))
        #expect(pair.client.close == nil && pair.server.close == nil && !pair.isFinished)
        pair.advance(by: .milliseconds(1))
        #expect(pair.client.close == SimulatedClose(1012))
        #expect(pair.server.close == SimulatedClose(1012))
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: ""))
    }

    @Test(
        "inside a frame the transport is dropped when the time is over, the other side is told", arguments: Leg.allCases
    )
    func dropsInsideFrame(leg: Leg) {
        let pair = SimulatedPair()
        pair.peer(leg).send(SimulatedFrame(opcode: 1, payload: .some(10), claimedLength: 100))
        pair.run()
        pair.close(1012, grace: .seconds(3))
        pair.advance(by: .seconds(3))
        #expect(pair.peer(leg).close == SimulatedClose(1012))
        #expect(pair[leg.other].bytesWritten == (leg == .client ? 16 : 12), "nothing was written inside the frame")
        #expect(pair.peer(leg.other).end == .drop)
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: ""))
    }

    @Test(
        "a Close that comes while the gateway's waits is not left without one", arguments: Leg.allCases, [true, false])
    func meetsClose(leg: Leg, ownMessage: Bool) {
        let pair = SimulatedPair()
        pair.peer(ownMessage ? leg : leg.other).send(.text("unfinished", fin: false))
        pair.run()
        pair.close(1012)
        pair.run()
        pair.peer(leg).send(close: 1000)
        pair.run()
        #expect(pair.client.close?.code == 1012)
        #expect(pair.server.close?.code == 1012)
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: ""))
    }

    @Test("a rule broken while the gateway's Close waits gets its code", arguments: Leg.allCases)
    func meetsViolation(leg: Leg) {
        let pair = SimulatedPair()
        pair.peer(leg).send(.text("unfinished", fin: false))
        pair.run()
        pair.close(1012)
        pair.peer(leg).send(text: "inside a message")
        pair.run()
        #expect(pair.peer(leg).close?.code == 1002)
        #expect(pair.peer(leg.other).close?.code == 1012)
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: ""))
    }

    enum Break: CaseIterable { case end, reset }

    @Test(
        "a peer that goes while the gateway's Close waits: the other side gets it at once", arguments: Leg.allCases,
        Break.allCases)
    func meetsEnd(leg: Leg, kind: Break) {
        let pair = SimulatedPair()
        pair.peer(leg).send(.text("unfinished", fin: false))
        pair.run()
        pair.close(1012)
        if kind == .end { pair.peer(leg).ends = true } else { pair.reset(leg) }
        pair.run()
        #expect(pair.peer(leg.other).close?.code == 1012)
        pair.advance(by: .seconds(10))
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: ""))
    }

    @Test("a Close does not wait for a leg to become writable")
    func closesUnwritableLeg() {
        let pair = SimulatedPair()
        pair.setWritable(.client, false)
        pair.close(1012)
        pair.run()
        #expect(pair.client.close?.code == 1012)
        #expect(pair.server.close?.code == 1012)
        pair.expectSound()
    }

    @Test("only the first close counts")
    func closesOnce() {
        let pair = SimulatedPair()
        pair.client.send(.text("unfinished", fin: false))
        pair.run()
        pair.close(1012, grace: .seconds(1))
        pair.close(1001, grace: .seconds(100))
        pair.advance(by: .seconds(1))
        #expect(pair.client.close?.code == 1012)
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1012, reason: ""))
    }
}
