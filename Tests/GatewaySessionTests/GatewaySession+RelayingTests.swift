import GatewayConfig
import NIOCore
import PerMessageDeflate
import Testing
import WebSocketCore

@testable import GatewaySession

@Suite struct GatewaySessionRelayingTests {
    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private static func session(_ settings: SessionSettings = .quiet) -> GatewaySession {
        GatewaySession(
            rules: SessionRules(settings), extensions: .none,
            zlib: ZlibPool(memory: CompressionMemory(limit: 0)), maskKeys: CountingMaskKeys(), now: now)
    }

    private static func bytes(_ frames: [SimulatedFrame], from leg: Leg) -> [UInt8] {
        frames.flatMap { $0.encoded(maskKey: [1, 2, 3, 4], byDefaultMasked: leg == .client) }
    }

    @Test(
        "what goes on as it came is written at once, and nothing is held of it",
        arguments: [
            [.text("")], [.text("hello")], [.text("κόσμε 😀")], [.binary([1, 2, 3])],
            [.binary(Array(repeating: 7, count: 1000))], [.text("one"), .text("two")], [.ping("p")], [.pong("p")],
            [.text("one"), .ping("p"), .text("two")],
            [.text("Hel", fin: false), .continuation("lo")],
            [.binary(Array(repeating: 7, count: 0x10000))],
        ] as [[SimulatedFrame]], Leg.allCases)
    func whole(frames: [SimulatedFrame], leg: Leg) {
        var session = Self.session()
        let relays = session.relays(ByteBuffer(bytes: Self.bytes(frames, from: leg)), from: leg, now: Self.now)
        #expect(relays)
        let (action, held) = (session.nextAction(now: Self.now), session.heldBytes(from: leg))
        #expect(action == nil)
        #expect(held == 0)
        let (passed, other) = (session.takePassed(from: leg), session.takePassed(from: leg.other))
        #expect(passed.textMessages == frames.filter { $0.fin && $0.opcode <= 1 }.count)
        #expect(passed.binaryMessages == frames.filter { $0.opcode == 2 }.count)
        #expect(passed.payloadBytes == frames.filter { $0.opcode <= 2 }.reduce(0) { $0 + $1.payload.count })
        #expect(other.isEmpty)
    }

    @Test("of a frame that is cut only the beginning of its header is held", arguments: Leg.allCases)
    func cut(leg: Leg) {
        let first = Self.bytes([.text("one")], from: leg)
        let both = first + Self.bytes([.text("two")], from: leg)
        let header = first.count - 3
        for count in 1..<both.count {
            var session = Self.session()
            let relays = session.relays(ByteBuffer(bytes: both.prefix(count)), from: leg, now: Self.now)
            let behind = count < first.count ? count : count - first.count
            let held = behind < header ? behind : 0
            #expect(relays == (held == 0), "\(count) bytes")
            let action = session.nextAction(now: Self.now)
            let expected =
                held == 0 || held == count ? nil : SessionAction.write(ByteBuffer(bytes: first), to: leg.other)
            #expect(action == expected, "\(count) bytes")
            let isHeld = session.heldBytes(from: leg)
            #expect(isHeld == held, "\(count) bytes")
            let rest = session.relays(ByteBuffer(bytes: both.dropFirst(count)), from: leg, now: Self.now)
            #expect(rest == (held == 0), "\(count) bytes")
            let last = session.nextAction(now: Self.now)
            let whole = SessionAction.write(ByteBuffer(bytes: both.dropFirst(count - held)), to: leg.other)
            #expect(last == (held == 0 ? nil : whole), "\(count) bytes")
        }
    }

    @Test(
        "what is wrong is left to be judged, and what was right before it goes on",
        arguments: [
            ([SimulatedFrame.text("\u{0}")], true), ([SimulatedFrame(opcode: 1, payload: [0xFF])], false),
            ([SimulatedFrame(opcode: 1, payload: [0xC3])], false), ([.binary(Array(repeating: 1, count: 11))], false),
            ([SimulatedFrame(reserved: 4, opcode: 1)], false), ([.close(1000)], false), ([.continuation("x")], false),
        ])
    func wrong(frames: [SimulatedFrame], isRight: Bool) {
        for leg in Leg.allCases {
            var session = Self.session(.quiet.with { $0.maxMessageSize = 10 })
            let before = Self.bytes([.text("before")], from: leg)
            let relays = session.relays(
                ByteBuffer(bytes: before + Self.bytes(frames, from: leg)), from: leg, now: Self.now)
            #expect(relays == isRight)
            guard !isRight else { continue }
            let action = session.nextAction(now: Self.now)
            #expect(action == .write(ByteBuffer(bytes: before), to: leg.other))
        }
    }

    @Test("nothing is written at once while the other leg takes nothing, or the session ends", arguments: Leg.allCases)
    func held(leg: Leg) {
        let bytes = ByteBuffer(bytes: Self.bytes([.text("one")], from: leg))
        var full = Self.session()
        full.writabilityChanged(leg.other, isWritable: false, now: Self.now)
        let passesFull = full.relays(bytes, from: leg, now: Self.now)
        let held = full.heldBytes(from: leg)
        #expect(!passesFull && held == bytes.readableBytes)
        full.writabilityChanged(leg.other, isWritable: true, now: Self.now)
        let action = full.nextAction(now: Self.now)
        #expect(action == .write(bytes, to: leg.other))
        var ending = Self.session()
        ending.close(ClosePayload(code: .goingAway), grace: .seconds(1), now: Self.now)
        let passesEnding = ending.relays(bytes, from: leg, now: Self.now)
        #expect(!passesEnding)
        var empty = Self.session()
        let passesEmpty = empty.relays(ByteBuffer(), from: leg, now: Self.now)
        #expect(!passesEmpty)
    }

    /// What thousands of idle sessions cost.
    @Test("a session is small")
    func size() {
        #expect(MemoryLayout<GatewaySession>.size <= 288)
    }
}
