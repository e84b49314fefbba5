import GatewayConfig
import GatewaySession
import NIOCore
import PerMessageDeflate
import WebSocketCore

/// A whole proxied connection: `GatewaySession` with both its directions, timers and endings.
///
/// Invariant: what goes to each peer is a valid stream of frames, masked as its side must be; its messages are those of
/// the other peer, whole and in order, compressed or not; one that was rewritten has no empty fragment at its end. As
/// long as the session is open, all that was read has gone on. A Close carries a code that the events before it allow: a
/// peer gets 1002, 1007 or 1009 only if it did break that rule. Nothing follows a Close, an end or a drop. What is held is bounded, time and peers that are gone always finish
/// the session, and then all of zlib's memory is back.
///
/// Input: four bytes of settings, then operations: a byte each, and what it needs.
enum SessionTarget {
    private static let agreements: [DeflateParameters?] = [
        nil, DeflateParameters(), DeflateParameters(serverNoContextTakeover: true, clientNoContextTakeover: true),
        DeflateParameters(serverNoContextTakeover: true), DeflateParameters(clientNoContextTakeover: true),
        DeflateParameters(serverMaxWindowBits: 9, clientMaxWindowBits: 9),
        DeflateParameters(serverMaxWindowBits: 12, clientMaxWindowBits: 12), nil,
    ]

    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        var input = InputBytes(bytes)
        let pairing = input.byte()
        let extensions = SessionExtensions(
            client: agreements[Int(pairing & 7)], server: agreements[Int(pairing >> 3 & 7)])
        let bits = input.byte()
        let numbers = input.byte()
        let isShort = bits & 128 != 0
        var settings = SessionSettings()
        settings.maxMessageSize = bits & 1 == 0 ? 1 << 31 : 2000
        settings.validateUTF8 = bits & 2 == 0
        settings.pingInterval = bits & 4 == 0 ? .zero : .seconds(1)
        settings.pongTimeout = .seconds(2)
        settings.idleTimeout = bits & 8 == 0 ? .zero : .seconds(5)
        settings.maxLifetime = bits & 16 == 0 ? .zero : .seconds(12)
        settings.compression.contextTakeover = bits & 32 == 0
        settings.compression.maxRatio = bits & 64 == 0 ? 0 : 20
        settings.compression.threshold = [0, 1, 128, 1024][Int(numbers & 3)]
        settings.compression.windowBits = 9 + Int(numbers >> 2 & 7) % 7
        settings.compression.memoryLevel = isShort ? 9 : 1 + Int(numbers >> 5)
        let harness = SessionHarness(
            settings: settings, extensions: extensions, memoryLimit: isShort ? 100_000 : 1 << 30)
        let answers = input.flag()
        var judge = SessionJudge(harness: harness, isShort: isShort)
        for _ in 0..<256 where !input.isAtEnd && harness.outcome == nil {
            try act(&input, harness)
            try judge.judgeReceived()
        }
        try finish(harness, &judge, answers: answers)
    }

    private static func act(_ input: inout InputBytes, _ harness: SessionHarness) throws {
        let operation = input.byte()
        let leg: Leg = operation & 16 == 0 ? .client : .server
        let extra = operation >> 5
        switch operation & 15 {
        case 0: harness[leg].outbox += input.bytes(Int(input.byte()))
        case 1...4:
            harness[leg].outbox += frame(&input, masked: leg == .client)
            if extra & 1 == 0 { _ = try harness.deliver(from: leg, extra == 0 ? 1 << 20 : 7) }
        case 5: _ = try harness.deliver(from: leg, Int(input.byte()), more: Int(extra) % 4)
        case 6: while try harness.deliver(from: leg, 1 + Int(extra)) {}
        case 7: try harness.deliverAll()
        case 8: try harness.setWritable(leg, extra & 1 == 1)
        case 9: try harness.advance(by: .milliseconds(Int64(input.byte()) * [1, 10, 100, 1000][Int(extra & 3)]))
        case 10: harness[leg].endsBehindOutbox = true
        case 11: if extra == 7 { try harness.lose(leg, inOrder: input.flag()) }
        case 12:
            let codes: [UInt16] = [1012, 1001, 1000, 4321]
            if extra & 4 != 0 { try harness.close(codes[Int(extra & 3)], grace: .seconds(1)) }
        case 13:
            // The pong that the gateway's own ping asks for, or any other.
            let payload = harness[peer: leg].sink.pings.last ?? []
            harness[leg].outbox += encode(first: 0x8A, payload, masked: leg == .client)
        case 14:
            let codes: [UInt16] = [1000, 1001, 3000, 4999, 1005, 1015, 999, 5000]
            let code = codes[Int(extra)]
            let payload = [UInt8(code >> 8), UInt8(code & 255)] + Array(input.bytes(Int(input.byte() & 7)))
            harness[leg].outbox += encode(first: 0x88, payload, masked: leg == .client)
        default:
            try harness.setWritable(.client, true)
            try harness.setWritable(.server, true)
        }
    }

    /// Everything goes its way, then the peers stay silent: the session has to end, and to leave nothing behind.
    private static func finish(_ harness: SessionHarness, _ judge: inout SessionJudge, answers: Bool) throws {
        for leg in Leg.allCases { try harness.setWritable(leg, true) }
        try harness.deliverAll()
        try judge.judgeReceived()
        try judge.judgeDelivered()
        if harness.outcome == nil { try harness.close(1012, grace: .seconds(1)) }
        for leg in Leg.allCases where answers {
            guard case .close(let payload) = harness[peer: leg].sink.end else { continue }
            harness[leg].outbox += encode(first: 0x88, Array(payload.prefix(2)), masked: leg == .client)
            harness[leg].endsBehindOutbox = true
        }
        try harness.deliverAll()
        try harness.advance(by: .seconds(60))
        try judge.judgeReceived()
        try judge.judgeEnd()
    }

    // MARK: Frames

    /// Payloads that are valid data after anything, each compressed with the narrowest window.
    private static let samples: [[UInt8]] = {
        let plain: [[UInt8]] = [
            [], Array("hello hello hello".utf8), Array(repeating: 0x61, count: 3000), [0xFF, 0xFE],
            Array(repeating: 0, count: 70_000), Array("Ω≈ç√ 😀".utf8),
        ]
        return plain.map { bytes in
            guard var deflater = try? Deflater(windowBits: 9, memoryLevel: 1) else { return [0] }
            var buffer = ByteBuffer()
            var used = 0
            while used < bytes.count {
                let piece = bytes[used...]
                used += piece.withUnsafeBytes {
                    (try? deflater.compress($0, into: &buffer, limit: 1 << 20)) ?? $0.count
                }
            }
            _ = try? deflater.finishMessage(into: &buffer, limit: 1 << 20)
            return Array(buffer.readableBytesView)
        }
            // A final block, and what goes on behind it.
            + [[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], [0x01, 0x02, 0x00, 0xFD, 0xFF, 0x61, 0x62]]
    }()

    /// A frame that is well formed: its first byte, a byte that says what its payload is, and the payload.
    private static func frame(_ input: inout InputBytes, masked: Bool) -> [UInt8] {
        let first = input.byte()
        let shape = input.byte()
        let payload: [UInt8]
        switch shape >> 6 {
        case 0, 1: payload = Array(input.bytes(Int(shape & 127)))
        case 2: payload = samples[Int(shape & 63) % samples.count]
        default:
            let count = Int(input.byte()) << Int(shape & 15) % 8
            let seed = input.byte()
            payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* Int(seed)) & 0x7F }
        }
        guard first & 0x40 != 0, shape >> 6 != 2 else { return encode(first: first, payload, masked: masked) }
        // Compressed without being smaller: stored blocks.
        let count = payload.count
        let length = [UInt8(count & 255), UInt8(count >> 8)]
        return encode(first: first, [0x00] + length + length.map { ~$0 } + payload + [0x00], masked: masked)
    }

    private static func encode(first: UInt8, _ payload: [UInt8], masked: Bool) -> [UInt8] {
        let count = payload.count
        let mask: UInt8 = masked ? 0x80 : 0
        var bytes = [first]
        if count <= 125 {
            bytes.append(mask | UInt8(count))
        } else if count <= 0xFFFF {
            bytes += [mask | 126, UInt8(count >> 8), UInt8(count & 255)]
        } else {
            bytes += [mask | 127, 0, 0, 0, 0, 0, UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)]
        }
        guard masked else { return bytes + payload }
        let key: [UInt8] = [0x12, 0x34, UInt8(truncatingIfNeeded: count), 0x78]
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
    }
}
