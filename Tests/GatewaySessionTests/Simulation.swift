import GatewayConfig
import GatewaySession
import NIOCore
import PerMessageDeflate
import TestSupport

/// One random session, and what must be true of it.
struct Simulation {
    /// What ends the session.
    enum Ending: CaseIterable {
        case close, end, reset, violation, gatewayClose
    }

    /// What a peer says, frame by frame.
    private struct Script {
        var frames: [SimulatedFrame] = []
        var sent: [SimulatedMessage] = []
        var started: SimulatedMessage?
        var pings: [String] = []
    }

    private var generator: SeededGenerator
    private let pairing: CompressionPairing
    private let pair: SimulatedPair
    private let ending: Ending
    private let ender: Leg
    /// It says its last word in its first packet, before the session has begun.
    private let isHurried: Bool
    private var client = Script()
    private var server = Script()
    private var faults: [String] = []
    let summary: String

    init(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let none = CompressionPairing(testDescription: "no compression", client: nil, server: nil)
        let pairings = CompressionPairing.compressing + CompressionPairing.windows + [none, none, none, none, none]
        pairing = pairings[Int.random(in: 0..<pairings.count, using: &generator)]
        ending = Ending.allCases[Int.random(in: 0..<Ending.allCases.count, using: &generator)]
        ender = generator.chance(50) ? .client : .server
        isHurried = (ending == .close || ending == .end) && generator.chance(20)
        // Then no compressor finds room, and both sides' inflaters do.
        let isShortOfMemory = generator.chance(10)
        let settings = SessionSettings.quiet.with {
            if isShortOfMemory { $0.compression.memoryLevel = 9 }
            $0.compression.windowBits = Int.random(in: 9...15, using: &generator)
            $0.compression.contextTakeover = generator.chance(70)
            $0.compression.threshold = [0, 1, 128].randomElement(using: &generator) ?? 0
            $0.compression.maxRatio = 0
            if generator.chance(50) { $0.pingInterval = .seconds(1) }
            $0.pongTimeout = .seconds(100_000)
        }
        pair = SimulatedPair(
            settings: settings, extensions: pairing.extensions, split: .random(seed: seed),
            memoryLimit: isShortOfMemory ? 100_000 : 1 << 30, startsLater: isHurried)
        pair.overreads = generator.chance(30) ? 3 : 0
        self.generator = generator
        summary = "\(pairing.testDescription), \(ending) by the \(ender)\(isHurried ? " in its first packet" : "")"
    }

    /// What went wrong.
    mutating func run() -> [String] {
        if isHurried {
            hurry()
        } else {
            for _ in 0..<Int.random(in: 20...120, using: &generator) { act() }
            finishMessages(but: ending == .end || ending == .reset ? ender : nil)
            if ending == .reset || generator.chance(50) { settle() }
            end()
        }
        settle()
        pair.advance(by: .seconds(60))
        settle()
        judge()
        return faults + pair.problems + pair.client.problems.map { "client: \($0)" }
            + pair.server.problems.map { "server: \($0)" }
    }

    /// All that the ender ever says is here, its end too, before the session is asked for its first action.
    private mutating func hurry() {
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
            repeat { say(ender) } while !self[ender].frames.isEmpty
        }
        end()
        pair.peer(ender).ends = true
        while pair.deliver(from: ender) {}
        pair.start()
    }

    private subscript(leg: Leg) -> Script {
        get { leg == .client ? client : server }
        set { if leg == .client { client = newValue } else { server = newValue } }
    }

    private var anyLeg: Leg { mutating get { generator.chance(50) ? .client : .server } }

    private mutating func act() {
        let leg = anyLeg
        switch Int.random(in: 0..<10, using: &generator) {
        case 0...2: say(leg)
        case 3...6: pair.deliver(from: leg)
        case 7: pair[leg].isHeld = true
        case 8: pair.release(leg, Int.random(in: 1...100_000, using: &generator))
        default: pair.advance(by: .milliseconds(Int64.random(in: 0...700, using: &generator)))
        }
        judgeMemory()
    }

    private mutating func say(_ leg: Leg) {
        if self[leg].frames.isEmpty { begin(leg) }
        let frame = self[leg].frames.removeFirst()
        pair.peer(leg).send(frame)
        if frame.opcode == SimulatedFrame.ping {
            self[leg].pings.append(String(decoding: frame.payload, as: UTF8.self))
        }
        if frame.opcode < 8, frame.fin, let message = self[leg].started {
            self[leg].sent.append(message)
            self[leg].started = nil
        }
    }

    private mutating func begin(_ leg: Leg) {
        let size =
            switch Int.random(in: 0..<20, using: &generator) {
            case 0:
                generator.chance(50)
                    ? 65_536 * Int.random(in: 1...2, using: &generator)
                    : Int.random(in: 60_000...140_000, using: &generator)
            case 1...4: Int.random(in: 0...6000, using: &generator)
            default: Int.random(in: 0...300, using: &generator)
            }
        let isText = generator.chance(60)
        let message = SimulatedMessage(
            isText: isText,
            payload: isText || generator.chance(40) ? sampleText(size, seed: generator.next()) : generator.bytes(size))
        let agreed = leg == .client ? pairing.client : pairing.server
        let fragments = (0..<max(0, Int.random(in: -3...3, using: &generator))).map { _ in
            // The whole of it now and then: what follows is empty then.
            generator.chance(20) ? size : Int.random(in: 0...(size / 2 + 1), using: &generator)
        }
        var frames: [SimulatedFrame] = []
        for frame in pair.peer(leg).frames(
            of: message, compressed: agreed != nil && generator.chance(80), fragments: fragments)
        {
            if generator.chance(15) { frames.append(.ping("\(leg) \(generator.next())")) }
            frames.append(frame)
        }
        self[leg].frames = frames
        self[leg].started = message
    }

    private mutating func finishMessages(but broken: Leg?) {
        for leg in Leg.allCases where leg != broken {
            while !self[leg].frames.isEmpty { say(leg) }
        }
    }

    private mutating func end() {
        let peer = pair.peer(ender)
        switch ending {
        case .close: peer.send(close: 4321, "the end")
        case .end: peer.ends = true
        case .reset: pair.reset(ender)
        case .violation: peer.send(SimulatedFrame(opcode: 0xB))
        case .gatewayClose: pair.close(1012, "restart")
        }
    }

    /// Lets everything through that can go through.
    private mutating func settle() {
        for _ in 0..<1000 {
            let before = pair.client.bytesReceived + pair.server.bytesReceived
            pair.run()
            for leg in Leg.allCases { pair.release(leg, Int.random(in: 1...200_000, using: &generator)) }
            pair.run()
            let isHeld = !pair.clientLink.pending.isEmpty || !pair.serverLink.pending.isEmpty
            if before == pair.client.bytesReceived + pair.server.bytesReceived, !isHeld { return }
        }
        faults.append("it does not come to rest")
    }

    // MARK: Judging

    /// What was read and has not gone on is at most one read of the transport and a cut frame; where a message is
    /// rewritten, also 64 KiB ready to go and as much inflated. What was written and not taken is at most what the high
    /// watermark lets through.
    private mutating func judgeMemory() {
        let read = 4096 * (1 + pair.overreads) + 139
        let rewritten = pairing.client == nil && pairing.server == nil ? 0 : 2 * 64 * 1024
        for leg in Leg.allCases {
            let held = pair.heldBytes(from: leg)
            if held > read + rewritten { faults.append("\(held) bytes from the \(leg) are held back") }
            let pending = pair[leg].pending.count
            let written = SimulatedPair.highWatermark + max(read, 64 * 1024 + 14) + 131
            if pending > written { faults.append("\(pending) bytes to the \(leg) are written and not taken") }
        }
    }

    private mutating func judge() {
        for leg in Leg.allCases { judgeReceived(by: leg) }
        judgeEnding()
        if !pair.isFinished { faults.append("it did not finish") }
        pair.pool.trim()
        if pair.memory.used != 0 { faults.append("\(pair.memory.used) bytes of zlib state are left") }
    }

    private mutating func judgeReceived(by leg: Leg) {
        let got = pair.peer(leg).messages
        let sent = self[leg.other].sent
        if !sent.starts(with: got) { faults.append("the \(leg) got messages that were not sent, or out of order") }
        // All of what was sent before the end arrives, unless the receiver is the one who broke off.
        let brokeOff = ending == .end && endsInsideMessage || ending == .reset || ending == .violation
        let isDeaf = leg == ender && brokeOff || ending == .gatewayClose
        if got.count < sent.count, !isDeaf {
            faults.append("the \(leg) got \(got.count) messages of \(sent.count)")
        }
        let pings = pair.peer(leg).texts(of: SimulatedFrame.ping).filter { !$0.hasPrefix("sluice") }
        if !self[leg.other].pings.starts(with: pings) { faults.append("the \(leg) got pings that were not sent") }
        if pair.peer(leg).texts(of: SimulatedFrame.pong).contains(where: { !self[leg].pings.contains($0) }) {
            faults.append("the \(leg) got a pong that answers none of its pings")
        }
    }

    private mutating func judgeEnding() {
        let near = pair.peer(ender)
        let far = pair.peer(ender.other)
        let vanished: UInt16 = ender == .server ? 1011 : 1001
        switch ending {
        case .close:
            expect(far.close, 4321, "far")
            expect(near.close, 4321, "near")
        case .end:
            expect(far.close, endsInsideMessage ? vanished : nil, "far")
        case .reset:
            expect(far.close, vanished, "far")
        case .violation:
            expect(near.close, 1002, "near")
            expect(far.close, 1001, "far")
        case .gatewayClose:
            expect(near.close, 1012, "near")
            expect(far.close, 1012, "far")
        }
        if near.end == nil && ending != .reset || far.end == nil { faults.append("a transport was left open") }
    }

    /// Some of the last message was sent, and not only the pings before it.
    private var endsInsideMessage: Bool {
        let first = [SimulatedFrame.text, SimulatedFrame.binary]
        return self[ender].started != nil && !self[ender].frames.contains { first.contains($0.opcode) }
    }

    private mutating func expect(_ close: SimulatedClose?, _ code: UInt16?, _ side: String) {
        if close?.code != code {
            faults.append("the \(side) side got \(String(describing: close)), expected \(code ?? 0)")
        }
    }
}
