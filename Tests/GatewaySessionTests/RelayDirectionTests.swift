import GatewayConfig
import GatewaySession
import Testing

@Suite struct RelayDirectionTests {
    static let verbatim: [[SimulatedFrame]] = [
        [.text("")],
        [.text("hello")],
        [.binary([])],
        [.binary(Array(0...255))],
        [.binary(Array(repeating: 7, count: 125))],
        [.binary(Array(repeating: 7, count: 126))],
        [.binary(Array(repeating: 7, count: 0xFFFF))],
        [.binary(Array(repeating: 7, count: 0x10000))],
        [.ping("")], [.ping("p")], [SimulatedFrame(opcode: 9, payload: Array(repeating: 1, count: 125))],
        [.pong("")], [.pong("unsolicited")],
        [.text("one"), .text("two"), .binary([3])],
        [.text("Hel", fin: false), .continuation("lo")],
        [.text("", fin: false), .continuation("", fin: false), .continuation("")],
        [.text("a", fin: false), .ping("between"), .continuation("b", fin: false), .pong("x"), .continuation("c")],
        [.text("κόσ", fin: false), .continuation("με 😀")],
    ]

    @Test("a frame goes on byte for byte, mask and all, and a chunk is one write", arguments: verbatim, Leg.allCases)
    func passesChunkAsOneWrite(frames: [SimulatedFrame], leg: Leg) {
        let pair = SimulatedPair()
        let bytes = pair.peer(leg).send(frames)
        pair.run()
        #expect(pair[leg.other].writes.first == bytes)
        #expect(pair[leg.other].writes.count == 1)
        pair.expectSound()
    }

    @Test(
        "frames go on byte for byte however the transport cuts them",
        arguments: verbatim.filter { $0[0].payload.count < 4096 }, Split.all)
    func passesSplitFrames(frames: [SimulatedFrame], split: Split) {
        for leg in Leg.allCases {
            let pair = SimulatedPair(split: split)
            pair.peer(leg.other).answersPings = false
            let bytes = pair.peer(leg).send(frames)
            pair.run()
            #expect(pair[leg.other].writes.flatMap { $0 } == bytes)
            pair.expectSound()
        }
    }

    @Test("nothing is held back but a cut header or control frame")
    func forwardsWhatItHas() {
        let pair = SimulatedPair(split: .bytes)
        let bytes = pair.client.send(.binary(Array(repeating: 9, count: 20)))
        for count in 1...bytes.count {
            pair.deliver(from: .client)
            let expected = count < 6 ? 0 : count
            #expect(pair.server.bytesReceived == expected, "after \(count) bytes")
        }
        pair.client.send(.ping("whole"))
        while pair.client.outboxHead < pair.client.outbox.count - 1 { pair.deliver(from: .client) }
        #expect(pair.server.texts(of: SimulatedFrame.ping) == [])
        pair.deliver(from: .client)
        #expect(pair.server.texts(of: SimulatedFrame.ping) == ["whole"])
    }

    @Test("what is relayed is counted while it passes")
    func countsTraffic() {
        let pair = SimulatedPair()
        pair.client.send([.text("Hel", fin: false), .ping("not counted"), .continuation("lo"), .binary([1, 2])])
        pair.server.send(.text("", fin: false))
        pair.run()
        #expect(pair.traffic.fromClient.textMessages == 1)
        #expect(pair.traffic.fromClient.binaryMessages == 1)
        #expect(pair.traffic.fromClient.payloadBytes == 7)
        #expect(pair.traffic.fromServer.textMessages == 0)
        pair.server.send(.continuation(""))
        pair.run()
        #expect(pair.traffic.fromServer.textMessages == 1)
        #expect(pair.traffic.fromServer.payloadBytes == 0)
    }

    @Test("a leg that can't write stops the reads of the other leg, and of that one only", arguments: Leg.allCases)
    func stopsReading(leg: Leg) {
        let pair = SimulatedPair()
        pair[leg.other].isHeld = true
        let message = SimulatedMessage(isText: false, payload: Array(repeating: 1, count: 10_000))
        var sent = 0
        while pair.wantsRead(leg), sent < 100 {
            pair.peer(leg).send(message)
            pair.deliver(from: leg)
            sent += 1
        }
        #expect(sent == 7)
        #expect(pair.wantsRead(leg.other))
        pair.peer(leg).send(message)
        pair.run()
        #expect(pair.peer(leg).outbox.count > 0)

        pair.peer(leg.other).send(text: "the other way")
        pair.run()
        #expect(pair.peer(leg).messages.count == 1)

        pair.release(leg.other)
        pair.run()
        pair.release(leg.other)
        #expect(pair.peer(leg.other).messages.count == 8)
        pair.expectSound()
    }

    @Test("chunks that come while the other leg can't write wait in order", arguments: Split.all)
    func keepsOrderOfChunks(split: Split) {
        let pair = SimulatedPair(split: split)
        pair.overreads = 50
        var bytes: [UInt8] = []
        for number in 0..<40 {
            bytes += pair.client.send(.text("message \(number)"))
            if number % 3 == 0 { bytes += pair.client.send(.ping("ping \(number)")) }
        }
        pair.server.answersPings = false
        for round in 0... {
            guard pair.deliver(from: .client) else { break }
            pair.setWritable(.server, round % 2 == 1)
            if round % 2 == 0 { pair.setWritable(.server, true) }
        }
        #expect(pair.serverLink.writes.flatMap { $0 } == bytes)
        pair.expectSound()
    }
}
