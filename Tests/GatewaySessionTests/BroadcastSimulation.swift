import GatewayConfig
import GatewaySession
import NIOCore
import PerMessageDeflate
import TestSupport

/// Sessions of one event loop whose servers send many of them the same messages, with others of their own in between;
/// and what must be true of them.
struct BroadcastSimulation {
    private var generator: SeededGenerator
    private let memory: CompressionMemory
    private let pool: ZlibPool
    private var pairs: [SimulatedPair] = []
    private var sent: [[SimulatedMessage]] = []
    private var earlier: [SimulatedMessage] = []
    private var faults: [String] = []

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        memory = CompressionMemory(limit: generator.chance(10) ? 300_000 : 1 << 30)
        pool = ZlibPool(memory: memory)
        let common = Self.settings(using: &generator)
        let takeover = generator.chance(60)
        for index in 0..<Int.random(in: 2...24, using: &generator) {
            let differs = generator.chance(20)
            let client = DeflateParameters(
                serverNoContextTakeover: differs ? generator.chance(50) : !takeover,
                serverMaxWindowBits: differs ? Int.random(in: 9...15, using: &generator) : 15)
            let server = generator.chance(5) ? DeflateParameters() : nil
            pairs.append(
                SimulatedPair(
                    settings: differs ? Self.settings(using: &generator) : common,
                    extensions: SessionExtensions(client: client, server: server),
                    split: generator.chance(80) ? .whole : .random(seed: seed &+ UInt64(index)), pool: pool,
                    route: ["a", "a", "a", "a", "a", "a", "b", nil].randomElement(using: &generator) ?? nil))
        }
        sent = Array(repeating: [], count: pairs.count)
    }

    private static func settings(using generator: inout SeededGenerator) -> SessionSettings {
        let windowBits = Int.random(in: 9...15, using: &generator)
        let level = Int.random(in: 1...9, using: &generator)
        let takeover = generator.chance(80)
        return SessionSettings.quiet.with {
            $0.compression.windowBits = windowBits
            $0.compression.level = level
            $0.compression.contextTakeover = takeover
            $0.compression.threshold = 0
        }
    }

    /// How many messages went in a frame that was compressed for several.
    var shared: Int { pairs.reduce(0) { $0 + $1.traffic.fromServer.messagesShared } }

    /// What went wrong.
    mutating func run() -> [String] {
        for _ in 0..<Int.random(in: 5...40, using: &generator) { act() }
        for (pair, sent) in zip(pairs, sent) {
            judge(pair, sent)
            pair.server.send(close: 1000)
            pair.run()
            if !pair.isFinished { faults.append("a session did not finish") }
            faults += pair.problems + pair.client.problems.map { "client: \($0)" }
        }
        pool.trim()
        if memory.used != 0 { faults.append("\(memory.used) bytes of zlib state are left") }
        return faults
    }

    private mutating func act() {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0...4: broadcast()
        case 5...7:
            let index = Int.random(in: 0..<pairs.count, using: &generator)
            send(message(), to: index, fragments: generator.chance(30) ? [10, 20] : [])
        case 8: pairs.randomElement(using: &generator)?.client.send(text: "from the client")
        default:
            for pair in pairs { pair.advance(by: .milliseconds(Int64.random(in: 0...600, using: &generator))) }
        }
        for pair in pairs { pair.run() }
    }

    private mutating func broadcast() {
        let message = generator.chance(30) ? earlier.randomElement(using: &generator) ?? message() : message()
        let omits = Int.random(in: 0...50, using: &generator)
        // Each takes it at once, or when all have been sent it.
        let isPrompt = generator.chance(50)
        for index in pairs.indices where !generator.chance(omits) {
            send(message, to: index)
            if isPrompt { pairs[index].run() }
        }
    }

    private mutating func send(_ message: SimulatedMessage, to index: Int, fragments: [Int] = []) {
        sent[index].append(message)
        pairs[index].server.send(message, fragments: fragments)
    }

    /// Parts of earlier ones come again, so that a wrong window shows.
    private mutating func message() -> SimulatedMessage {
        let size =
            switch Int.random(in: 0..<10, using: &generator) {
            case 0: Int.random(in: 30_000...70_000, using: &generator)
            case 1...3: Int.random(in: 300...6000, using: &generator)
            default: Int.random(in: 0...400, using: &generator)
            }
        let made: SimulatedMessage
        if generator.chance(40), let old = earlier.last, old.isText {
            made = SimulatedMessage(isText: true, payload: Array("again ".utf8) + old.payload)
        } else {
            let isText = generator.chance(70)
            made = SimulatedMessage(
                isText: isText, payload: isText ? sampleText(size, seed: generator.next()) : generator.bytes(size))
        }
        if made.payload.count < 100_000 { earlier.append(made) }
        return made
    }

    private mutating func judge(_ pair: SimulatedPair, _ sent: [SimulatedMessage]) {
        if pair.client.messages != sent {
            faults.append(
                "a client got other messages than were sent to it: \(pair.client.messages.count)/\(sent.count)")
        }
        let traffic = pair.traffic.fromServer
        if traffic.payloadBytes != sent.reduce(0, { $0 + $1.payload.count }) { faults.append("bytes are miscounted") }
        if traffic.textMessages + traffic.binaryMessages != sent.count { faults.append("messages are miscounted") }
        let data = pair.client.frames.filter { $0.opcode < 8 }
        if traffic.deflatedTo != data.reduce(0, { $0 + $1.payload.count }), traffic.messagesDeflated == sent.count {
            faults.append("compressed bytes are miscounted")
        }
    }
}
