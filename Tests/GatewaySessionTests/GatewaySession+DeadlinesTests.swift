import GatewayConfig
import GatewaySession
import NIOCore
import Testing

@Suite struct GatewaySessionDeadlinesTests {
    @Test("without timers there is no deadline")
    func hasNone() {
        #expect(SimulatedPair().nextDeadline == .distantFuture)
    }

    @Test("a session ends with 1001 at its lifetime, whatever passes")
    func endsAtLifetime() {
        let pair = SimulatedPair(settings: .quiet.with { $0.maxLifetime = .seconds(60) })
        for _ in 0..<59 {
            pair.advance(by: .seconds(1))
            pair.client.send(text: "busy")
            pair.run()
        }
        pair.advance(by: .milliseconds(999))
        #expect(!pair.isFinished)
        pair.advance(by: .milliseconds(1))
        #expect(pair.client.close == SimulatedClose(1001, "connection reached its lifetime"))
        #expect(pair.server.close == SimulatedClose(1001, "connection reached its lifetime"))
        pair.expectFinished(
            SessionOutcome(closer: .gateway, code: 1001, reason: "connection reached its lifetime"))
    }

    @Test("an idle session ends with 1001; a frame from either side starts the time again", arguments: Leg.allCases)
    func endsIdle(leg: Leg) {
        let pair = SimulatedPair(settings: .quiet.with { $0.idleTimeout = .seconds(10) })
        for frame in [SimulatedFrame.text(""), .ping("p"), .pong("q"), .text("x", fin: false), .continuation("y")] {
            pair.advance(by: .milliseconds(9999))
            pair.peer(leg).send(frame)
            pair.peer(leg.other).answersPings = false
            pair.run()
        }
        pair.advance(by: .milliseconds(9999))
        #expect(pair.client.close == nil)
        pair.advance(by: .milliseconds(1))
        #expect(pair.client.close == SimulatedClose(1001, "connection was idle"))
        #expect(pair.server.close == SimulatedClose(1001, "connection was idle"))
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1001, reason: "connection was idle"))
    }

    @Test("answers to the gateway's own pings keep nobody alive", arguments: Split.all)
    func countsNoOwnPongs(split: Split) {
        let settings = SessionSettings.quiet.with {
            $0.idleTimeout = .seconds(100)
            $0.pingInterval = .seconds(30)
        }
        let pair = SimulatedPair(settings: settings, split: split)
        pair.advance(by: .milliseconds(99_999))
        #expect(pair.client.texts(of: SimulatedFrame.ping).count == 3)
        #expect(pair.client.close == nil)
        pair.advance(by: .milliseconds(1))
        #expect(pair.client.close?.reason == "connection was idle")
        pair.expectFinished(SessionOutcome(closer: .gateway, code: 1001, reason: "connection was idle"))
    }

    @Test("data that shares a read with the answer to a ping counts")
    func countsDataBesideOwnPong() {
        let settings = SessionSettings.quiet.with {
            $0.idleTimeout = .seconds(100)
            $0.pingInterval = .seconds(90)
        }
        for pongFirst in [true, false] {
            let pair = SimulatedPair(settings: settings)
            pair.client.answersPings = false
            pair.advance(by: .seconds(90))
            let ping = pair.client.frames[0].payload
            if !pongFirst { pair.client.send(text: "data") }
            pair.client.send(SimulatedFrame(opcode: SimulatedFrame.pong, payload: ping))
            if pongFirst { pair.client.send(text: "data") }
            pair.run()
            pair.advance(by: .milliseconds(99_999))
            #expect(!pair.isFinished)
            pair.expectSound()
        }
    }

    @Test("a compressor that nobody uses is given back, and the next message starts with an empty window")
    func releasesIdleCompressor() {
        let pair = SimulatedPair(extensions: CompressionPairing.clientOnly.extensions)
        let message = SimulatedMessage(isText: true, payload: sampleText(1000))
        pair.server.send(message)
        pair.run()
        #expect(pair.zlibMemory > 0)
        pair.advance(by: .milliseconds(4999))
        #expect(pair.zlibMemory > 0)
        pair.advance(by: .milliseconds(1))
        #expect(pair.zlibMemory == 0)
        #expect(pair.nextDeadline == .distantFuture)
        pair.server.send(message)
        pair.run()
        #expect(pair.client.messages == [message, message])
        pair.expectSound()
    }

    @Test("a compressor in the middle of a message is kept, without waking up for it")
    func keepsCompressorOfMessage() {
        let pair = SimulatedPair(extensions: CompressionPairing.clientOnly.extensions)
        pair.server.send(.text("one ", fin: false))
        pair.run()
        pair.advance(by: .seconds(60))
        #expect(pair.zlibMemory > 0)
        pair.server.send(.continuation("two"))
        pair.run()
        #expect(pair.client.messages.map(\.payload) == [Array("one two".utf8)])
        pair.advance(by: .seconds(6))
        #expect(pair.zlibMemory == 0)
        pair.expectSound()
    }
}
