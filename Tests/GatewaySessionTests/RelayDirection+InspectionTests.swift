import GatewayConfig
import GatewaySession
import PerMessageDeflate
import Testing

@Suite struct RelayDirectionInspectionTests {
    @Test(
        "where both legs agree, compressed messages go on byte for byte",
        arguments: [
            CompressionPairing.same, .forgettingBoth,
            CompressionPairing(
                testDescription: "narrow to wide",
                client: DeflateParameters(clientNoContextTakeover: true, clientMaxWindowBits: 9),
                server: DeflateParameters()),
        ], Split.all)
    func passesCompressedMessages(pairing: CompressionPairing, split: Split) {
        let pair = SimulatedPair(extensions: pairing.extensions, split: split)
        var bytes: [UInt8] = []
        for message in SampleMessages.all where message.payload.count <= 3000 {
            for frame in pair.client.frames(of: message, compressed: true, fragments: [3]) {
                bytes += pair.client.send(frame)
                bytes += pair.client.send(.ping("p"))
            }
        }
        pair.run()
        #expect(pair.serverLink.writes.flatMap { $0 } == bytes)
        #expect(pair.server.messages == SampleMessages.all.filter { $0.payload.count <= 3000 })
        pair.expectSound()
    }

    static let reading = [CompressionPairing.same, .clientOnly, .unlike, .forgettingClient, .forgettingBoth]

    @Test("text that is not UTF-8 when inflated is refused with 1007", arguments: reading, [Split.whole, .bytes])
    func refusesBadText(pairing: CompressionPairing, split: Split) {
        for payload: [UInt8] in [[0xFF], Array("abc".utf8) + [0xED, 0xA0, 0x80], Array("κό".utf8) + [0xCF]] {
            for fragments in [[], [1, 1]] {
                let pair = SimulatedPair(extensions: pairing.extensions, split: split)
                pair.client.send(
                    SimulatedMessage(isText: true, payload: payload), compressed: true, fragments: fragments)
                pair.run()
                #expect(pair.client.close == SimulatedClose(1007, "text message is not UTF-8"))
                #expect(pair.server.messages == [])
                #expect(pair.server.close?.code == 1001 || pair.server.isInsideFrame && pair.server.end == .drop)
                if case .whole = split { #expect(pair.server.close?.code == 1001) }
                pair.expectSound()
            }
        }
        let pair = SimulatedPair(extensions: pairing.extensions, split: split)
        pair.client.send(SimulatedMessage(isText: false, payload: [0xFF]), compressed: true)
        pair.run()
        #expect(pair.server.messages.count == 1)
    }

    @Test("characters may be cut by fragments and reads of a compressed message", arguments: reading)
    func acceptsCutCharacters(pairing: CompressionPairing) {
        let message = SimulatedMessage(isText: true, payload: Array("κόσμε 😀 \u{10FFFF}".utf8))
        for cut in 0..<20 {
            for split in [Split.whole, .bytes] {
                let pair = SimulatedPair(extensions: pairing.extensions, split: split)
                pair.client.send(message, compressed: true, fragments: [cut])
                pair.run()
                #expect(pair.server.messages == [message])
                pair.expectSound()
            }
        }
    }

    @Test("data that does not inflate is refused with 1007", arguments: reading, [Split.whole, .bytes])
    func refusesGarbage(pairing: CompressionPairing, split: Split) {
        // A block of the reserved type; a stored block with wrong lengths; one that ends early.
        for payload: [UInt8] in [
            [0xFF, 0xFF, 0xFF], [0x00, 0x05, 0x00, 0x12, 0x34], [0x00, 0x06, 0x00, 0xF9, 0xFF, 1],
        ] {
            let pair = SimulatedPair(extensions: pairing.extensions, split: split)
            pair.client.send(SimulatedFrame(reserved: 4, opcode: 2, payload: payload))
            pair.run()
            #expect(pair.client.close?.code == 1007)
            #expect(pair.client.close?.reason.contains("compressed message") == true)
            #expect(pair.server.messages == [])
            pair.client.ends = true
            pair.server.ends = true
            pair.run()
            pair.pool.trim()
            #expect(pair.memory.used == 0)
            pair.expectSound()
        }
    }

    @Test("RSV1 is for the first frame of a message alone (RFC 7692 §6)", arguments: reading)
    func refusesMisplacedRSV1(pairing: CompressionPairing) {
        let bad: [[SimulatedFrame]] = [
            [.text("a", fin: false), SimulatedFrame(reserved: 4, opcode: 0, payload: [0])],
            [SimulatedFrame(reserved: 4, opcode: 9)],
            [SimulatedFrame(reserved: 4, opcode: 8, payload: [3, 232])],
        ]
        for frames in bad {
            let pair = SimulatedPair(extensions: pairing.extensions)
            pair.client.send(frames)
            pair.run()
            #expect(pair.client.close?.code == 1002)
            #expect(pair.server.close?.code == 1001)
            pair.expectSound()
        }
    }

    @Test("RSV1 is refused from the leg that agreed on nothing")
    func refusesRSV1OfOtherLeg() {
        for (pairing, leg) in [(CompressionPairing.clientOnly, Leg.server), (.serverOnly, .client)] {
            let pair = SimulatedPair(extensions: pairing.extensions)
            pair.peer(leg).send(SimulatedFrame(reserved: 4, opcode: 1, payload: [0]))
            pair.run()
            #expect(pair.peer(leg).close?.code == 1002)
            #expect(pair.peer(leg.other).close?.code == 1001)
            pair.expectSound()
        }
    }
}
