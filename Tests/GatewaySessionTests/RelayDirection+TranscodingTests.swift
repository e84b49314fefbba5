import GatewayConfig
import GatewaySession
import PerMessageDeflate
import TestSupport
import Testing

@Suite struct RelayDirectionTranscodingTests {
    private func exchange(_ pairing: CompressionPairing, split: Split, fragments: [Int]) {
        let settings = SessionSettings.quiet.with { $0.compression.windowBits = 15 }
        let pair = SimulatedPair(settings: settings, extensions: pairing.extensions, split: split)
        for message in SampleMessages.all {
            pair.client.send(message, compressed: pairing.client != nil, fragments: fragments)
            pair.server.send(message, compressed: pairing.server != nil, fragments: fragments)
        }
        pair.run()
        #expect(pair.server.messages == SampleMessages.all)
        #expect(pair.client.messages == SampleMessages.all)
        pair.client.send(close: 1000)
        pair.run()
        pair.expectFinished(SessionOutcome(closer: .client, code: 1000, reason: ""))
    }

    @Test(
        "every message arrives whole and in order, whatever each leg agreed on",
        arguments: CompressionPairing.compressing, [Split.whole, .random(seed: 4)])
    func carriesMessages(pairing: CompressionPairing, split: Split) {
        exchange(pairing, split: split, fragments: [])
        exchange(pairing, split: split, fragments: [0, 3, 700])
    }

    @Test("every window from 8 to 15 bits", arguments: CompressionPairing.windows)
    func carriesEveryWindow(pairing: CompressionPairing) {
        exchange(pairing, split: .whole, fragments: [])
    }

    @Test("compressed messages may come byte by byte", arguments: CompressionPairing.compressing)
    func carriesBytes(pairing: CompressionPairing) {
        let pair = SimulatedPair(extensions: pairing.extensions, split: .bytes)
        let messages = SampleMessages.all.filter { $0.payload.count < 2500 }
        for message in messages {
            pair.client.send(message, compressed: pairing.client != nil, fragments: [1, 5])
            pair.server.send(message, compressed: pairing.server != nil, fragments: [1, 5])
        }
        pair.run()
        #expect(pair.server.messages == messages)
        #expect(pair.client.messages == messages)
        pair.expectSound()
    }

    @Test("a message shorter than the threshold goes uncompressed, at the threshold it is compressed")
    func keepsToThreshold() {
        for (size, compressed) in [(0, false), (127, false), (128, true), (129, true)] {
            let pair = SimulatedPair(extensions: CompressionPairing.clientOnly.extensions)
            let bytes = pair.server.send(.binary(.some(size)))
            pair.run()
            #expect(pair.client.frames.map(\.reserved) == [compressed ? 4 : 0], "\(size) bytes")
            if !compressed { #expect(pair.clientLink.writes == [bytes]) }
            #expect(pair.client.messages.map(\.payload) == [.some(size)])
            pair.expectSound()
        }
    }

    @Test("a message that a server sends to many is compressed once, and counted as shared; UTF-8 is checked for each")
    func sharesMessages() {
        let pool = ZlibPool(memory: CompressionMemory(limit: 1 << 30))
        let pairs = (0..<5).map { _ in
            SimulatedPair(extensions: CompressionPairing.clientOnly.extensions, pool: pool, route: "r")
        }
        let message = SimulatedMessage(isText: true, payload: sampleText(5000))
        for pair in pairs {
            pair.server.send(message)
            pair.run()
            #expect(pair.client.messages == [message])
            #expect(pair.traffic.fromServer.messagesDeflated == 1)
            #expect(pair.traffic.fromServer.payloadBytes == 5000)
            #expect(pair.traffic.fromServer.deflatedTo == pair.client.frames[0].payload.count)
        }
        #expect(pairs.map(\.traffic.fromServer.messagesShared) == [0, 1, 1, 1, 1])
        #expect(Set(pairs.dropFirst().map(\.clientLink.writes)).count == 1)
        // The same bytes are no text: as a binary message they pass, as text they pass for nobody.
        let noise = [UInt8](repeating: 0xFF, count: 5000)
        for pair in pairs { pair.server.send(.binary(noise)) }
        for pair in pairs { pair.run() }
        #expect(pairs.allSatisfy { $0.client.messages.last == SimulatedMessage(isText: false, payload: noise) })
        for pair in pairs {
            pair.server.send(SimulatedFrame(opcode: SimulatedFrame.text, payload: noise))
            pair.run()
            #expect(pair.server.close?.code == 1007)
            #expect(pair.client.messages.count == 2)
        }
    }

    @Test("a message is not shared with another route, in fragments, cut, above 32 KiB, or by a client")
    func sharesNothingElse() {
        func shared(
            _ size: Int, fragments: [Int] = [], split: Split = .whole, from leg: Leg = .server,
            routes: [String?] = ["r", "r", "r"]
        ) -> Int {
            let pool = ZlibPool(memory: CompressionMemory(limit: 1 << 30))
            let pairing = leg == .server ? CompressionPairing.clientOnly : .serverOnly
            return routes.reduce(0) { sum, route in
                let pair = SimulatedPair(extensions: pairing.extensions, split: split, pool: pool, route: route)
                kept.append(pair)
                pair.peer(leg).send(SimulatedMessage(isText: false, payload: .some(size)), fragments: fragments)
                pair.run()
                #expect(pair.peer(leg.other).messages.map(\.payload.count) == [size])
                let traffic = pair.traffic
                return sum + (leg == .server ? traffic.fromServer : traffic.fromClient).messagesShared
            }
        }
        var kept: [SimulatedPair] = []
        #expect(shared(5000) == 2)
        #expect(shared(32 * 1024) == 2)
        #expect(shared(32 * 1024 + 1) == 0)
        #expect(shared(5000, fragments: [2000]) == 0)
        #expect(shared(5000, split: .bytes) == 0)
        #expect(shared(5000, from: .client) == 0)
        #expect(shared(5000, routes: ["a", "b", nil]) == 0)
    }

    @Test("a fragmented message is compressed, as its length is not known when it begins")
    func compressesFragments() {
        let pair = SimulatedPair(extensions: CompressionPairing.clientOnly.extensions)
        pair.server.send([.text("a", fin: false), .continuation("b")])
        pair.run()
        #expect(pair.client.frames.map(\.reserved) == [4])
        #expect(pair.client.messages == [SimulatedMessage(isText: true, payload: [0x61, 0x62])])
        pair.expectSound()
    }

    @Test("a peer that agreed on compression and sends a message plain is taken at its word")
    func leavesPlainMessages() {
        for pairing in [CompressionPairing.same, .unlike] {
            let pair = SimulatedPair(extensions: pairing.extensions)
            let bytes = pair.server.send(.binary(.some(5000)))
            pair.run()
            #expect(pair.clientLink.writes == [bytes])
            pair.expectSound()
        }
    }

    @Test(
        "small messages stay one frame, long ones leave as fragments of at most 64 KiB and little more",
        arguments: [CompressionPairing.clientOnly, .serverOnly, .unlike])
    func streamsLongMessages(pairing: CompressionPairing) {
        var generator = SeededGenerator(seed: 9)
        for size in [60_000, 300_000] {
            let message = SimulatedMessage(isText: false, payload: generator.bytes(size))
            for leg in Leg.allCases {
                let pair = SimulatedPair(extensions: pairing.extensions)
                let parameters = leg == .client ? pairing.client : pairing.server
                pair.peer(leg).send(message, compressed: parameters != nil)
                pair.run()
                let frames = pair.peer(leg.other).frames
                #expect(pair.peer(leg.other).messages == [message])
                #expect(frames.allSatisfy { $0.payload.count <= 64 * 1024 + 64 })
                #expect(frames.count == (size + 65_535) / 65_536)
                #expect(frames.map(\.opcode) == [2] + Array(repeating: 0, count: frames.count - 1))
                #expect(pair[leg.other].writes.count == frames.count, "every write is a whole frame")
                pair.expectSound()
            }
        }
    }

    private struct Ending: CustomStringConvertible {
        var size: Int
        var fragments: [Int]
        /// Plain sizes are met by what shrinks as well, those of compressed data only by what does not.
        var shrinks: Bool

        var description: String { "\(size) bytes in \(fragments)\(shrinks ? ", which shrink" : "")" }
    }

    /// Sizes around whole numbers of fragments of 64 KiB, and below one of them those whose compressed data meets it: 5
    /// more for a stored block, 1 for the end.
    private static let endings: [Ending] = {
        var endings: [Ending] = []
        for size in [1, 65_535, 65_536, 65_537, 131_072, 196_608] {
            for fragments in [[], [2 * size + 100], [size / 2, 0], [0, 2 * size + 100]] {
                endings.append(Ending(size: size, fragments: fragments, shrinks: false))
                endings.append(Ending(size: size, fragments: fragments, shrinks: true))
            }
        }
        for size in 65_490...65_534 { endings.append(Ending(size: size, fragments: [], shrinks: false)) }
        return endings
    }()

    @Test(
        "a rewritten message ends with a fragment that has payload, however its source ended it (RFC 6455 §5.4)",
        arguments: [CompressionPairing.clientOnly, .serverOnly, .unlike])
    func endsWithPayload(pairing: CompressionPairing) {
        var generator = SeededGenerator(seed: 11)
        let settings = SessionSettings.quiet.with { $0.compression.maxRatio = 0 }
        for ending in Self.endings {
            let payload = ending.shrinks ? [UInt8].some(ending.size) : generator.bytes(ending.size)
            let message = SimulatedMessage(isText: false, payload: payload)
            let pair = SimulatedPair(settings: settings, extensions: pairing.extensions)
            for leg in Leg.allCases {
                let parameters = leg == .client ? pairing.client : pairing.server
                pair.peer(leg).send(message, compressed: parameters != nil, fragments: ending.fragments)
            }
            pair.run()
            for leg in Leg.allCases {
                let frames = pair.peer(leg).frames
                #expect(pair.peer(leg).messages == [message])
                #expect(frames.allSatisfy { !$0.payload.isEmpty && $0.payload.count <= 64 * 1024 + 64 }, "\(ending)")
            }
            pair.expectSound("\(ending)")
        }
    }

    @Test("an empty fragment at the end of a message that goes on as it came stays", arguments: [false, true])
    func keepsEmptyEnd(isCompressed: Bool) {
        let pair = SimulatedPair(extensions: CompressionPairing.same.extensions)
        for leg in Leg.allCases {
            let message = SimulatedMessage(isText: false, payload: .some(500))
            let frames = pair.peer(leg).frames(of: message, compressed: isCompressed, fragments: [1000])
            let bytes = frames.flatMap { pair.peer(leg).send($0) }
            pair.run()
            #expect(pair[leg.other].writes.flatMap { $0 } == bytes)
            #expect(pair.peer(leg.other).frames.map(\.payload.isEmpty) == [false, true])
        }
        pair.expectSound()
    }

    @Test("a full fragment waits for the next byte, and for nothing else", arguments: [1, 2, 3])
    func fullFragmentWaits(count: Int) {
        let pair = SimulatedPair(
            settings: .quiet.with { $0.compression.maxRatio = 0 }, extensions: CompressionPairing.clientOnly.extensions)
        var generator = SeededGenerator(seed: 12)
        let size = 65_536 * count
        let message = SimulatedMessage(isText: false, payload: generator.bytes(size + 1))
        // Random bytes are stored: a stored block for every byte is what the compressor is made to write here.
        let compressed = StoredDeflate.blocks(message.payload)
        let all = compressed.flatMap { $0 }
        let first = compressed.prefix(size).flatMap { $0 }
        pair.client.send(SimulatedFrame(fin: false, reserved: 4, opcode: SimulatedFrame.binary, payload: first))
        pair.run()
        #expect(pair.server.frames.map(\.payload.count) == Array(repeating: 65_536, count: count - 1))
        #expect(pair.heldBytes(from: .client) == 65_536, "the fragment that the last byte has filled")
        let next = Array(all[first.count...].prefix(6))
        pair.client.send(SimulatedFrame(fin: false, opcode: SimulatedFrame.continuation, payload: next))
        pair.run()
        #expect(pair.server.frames.map(\.payload.count) == Array(repeating: 65_536, count: count))
        #expect(pair.heldBytes(from: .client) == 1)
        pair.client.send(
            SimulatedFrame(opcode: SimulatedFrame.continuation, payload: Array(all[(first.count + 6)...]) + [0]))
        pair.run()
        #expect(pair.server.messages == [message])
        #expect(pair.server.frames.last?.payload.count == 1)
        pair.expectSound()
    }

    @Test(
        "control frames between the fragments of a rewritten message pass at once",
        arguments: CompressionPairing.compressing)
    func passesControlFramesBetweenFragments(pairing: CompressionPairing) {
        let message = SimulatedMessage(isText: true, payload: sampleText(1000))
        for leg in Leg.allCases {
            for split in [Split.whole, .bytes] {
                let pair = SimulatedPair(extensions: pairing.extensions, split: split)
                let isCompressed = (leg == .client ? pairing.client : pairing.server) != nil
                let frames = pair.peer(leg).frames(of: message, compressed: isCompressed, fragments: [50, 60])
                pair.peer(leg).send([frames[0], .ping("one"), frames[1], .pong("two")])
                pair.run()
                let other = pair.peer(leg.other)
                #expect(other.texts(of: SimulatedFrame.ping) == ["one"])
                #expect(other.texts(of: SimulatedFrame.pong) == ["two"])
                #expect(pair.peer(leg).texts(of: SimulatedFrame.pong) == ["one"])
                pair.peer(leg).send(frames[2])
                pair.run()
                #expect(other.messages == [message])
                pair.expectSound()
            }
        }
    }

    @Test("a bomb is stopped at the size limit, and held back while its receiver does not read")
    func stopsBombs() {
        let settings = SessionSettings.quiet.with {
            $0.maxMessageSize = 2_000_000
            $0.compression.maxRatio = 0
        }
        for pairing in [CompressionPairing.clientOnly, .unlike] {
            let pair = SimulatedPair(settings: settings, extensions: pairing.extensions)
            let bomb = SimulatedMessage(isText: false, payload: .some(3_000_000))
            pair.client.send(bomb, compressed: true)
            pair.serverLink.isHeld = true
            pair.deliver(from: .client)
            #expect(pair.serverLink.pending.count <= SimulatedPair.highWatermark + 65_600)
            #expect(!pair.wantsRead(.client) || pairing.server != nil)
            while !pair.serverLink.pending.isEmpty {
                let before = pair.serverLink.pending.count
                pair.release(.server, 50_000)
                #expect(pair.serverLink.pending.count <= max(before, SimulatedPair.highWatermark + 65_600 + 131))
            }
            pair.serverLink.isHeld = false
            pair.run()
            #expect(pair.client.close?.code == 1009)
            #expect(pair.server.close?.code == 1001)
            #expect(pair.server.messages == [])
            #expect(pair.server.bytesReceived < 2_100_000)
            pair.expectSound()
        }
    }

    @Test("a bomb is stopped by its ratio", arguments: [CompressionPairing.clientOnly, .unlike, .same])
    func stopsRatio(pairing: CompressionPairing) {
        let settings = SessionSettings.quiet.with { $0.compression.maxRatio = 200 }
        let pair = SimulatedPair(settings: settings, extensions: pairing.extensions)
        // 60,000 bytes of one letter are under the size at which ratios begin to matter.
        let small = SimulatedMessage(isText: false, payload: .some(60_000))
        pair.client.send(small, compressed: true)
        pair.run()
        #expect(pair.server.messages == [small])
        pair.client.send(SimulatedMessage(isText: false, payload: .some(1_000_000)), compressed: true)
        pair.run()
        #expect(
            pair.client.close == SimulatedClose(1009, "message inflates to more than 200 times its size, limit 200"))
        #expect(pair.server.close?.code == 1001)
        #expect(pair.server.messages == [small])
        pair.expectSound()
    }

    @Test(
        "the limit counts what a message inflates to", arguments: [CompressionPairing.clientOnly, .unlike, .same],
        Split.all)
    func limitsInflatedSize(pairing: CompressionPairing, split: Split) {
        let pair = SimulatedPair(
            settings: .quiet.with { $0.maxMessageSize = 5000 }, extensions: pairing.extensions, split: split)
        let fits = SimulatedMessage(isText: true, payload: sampleText(5000))
        pair.client.send(fits, compressed: true)
        pair.run()
        #expect(pair.server.messages == [fits])
        pair.client.send(SimulatedMessage(isText: true, payload: sampleText(5001)), compressed: true)
        pair.run()
        #expect(pair.client.close?.code == 1009)
        #expect(pair.server.messages == [fits])
        #expect(pair.server.close?.code == 1001 || pair.server.end == .drop && pair.server.isInsideFrame)
        pair.expectSound()
    }

    @Test(
        "memory short: no new compressor, so messages go uncompressed",
        arguments: [CompressionPairing.clientOnly, .unlike])
    func goesWithoutMemory(pairing: CompressionPairing) {
        let pair = SimulatedPair(extensions: pairing.extensions, memoryLimit: 1000)
        let message = SimulatedMessage(isText: true, payload: sampleText(1000))
        pair.server.send(message, compressed: pairing.server != nil)
        pair.client.send(message, compressed: true)
        pair.run()
        #expect(pair.client.messages == [message])
        #expect(pair.client.frames.map(\.reserved) == [0])
        #expect(pair.server.messages == [message])
        pair.expectSound()
    }

    @Test("a rewritten message is counted before and after")
    func countsCompression() {
        let pair = SimulatedPair(extensions: CompressionPairing.clientOnly.extensions)
        let message = SimulatedMessage(isText: true, payload: sampleText(3000))
        pair.server.send(message)
        pair.client.send(message, compressed: true)
        pair.run()
        let down = pair.traffic.fromServer
        #expect(down.messagesDeflated == 1 && down.deflatedFrom == 3000 && down.payloadBytes == 3000)
        #expect(down.deflatedTo == pair.client.frames[0].payload.count)
        #expect(down.messagesInflated == 0)
        let up = pair.traffic.fromClient
        #expect(up.messagesInflated == 1 && up.inflatedTo == 3000 && up.payloadBytes == 3000)
        #expect(up.inflatedFrom < 3000 && up.inflatedFrom > 100)
        #expect(up.textMessages == 1 && up.messagesDeflated == 0)
    }
}
