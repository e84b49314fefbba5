import GatewayConfig
import GatewaySession
import Testing

/// What a peer sends against RFC 6455 §5, behind a message that is right.
struct Violation: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var code: UInt16 = 1002
    /// Only seen when some of the frame may have gone on already.
    var isInPayload = false
    var frames: [SimulatedFrame]
    /// Masked by servers, not by clients.
    var hasWrongMask = false

    init(
        _ description: String, code: UInt16 = 1002, isInPayload: Bool = false, hasWrongMask: Bool = false,
        _ frames: SimulatedFrame...
    ) {
        testDescription = description
        self.code = code
        self.isInPayload = isInPayload
        self.hasWrongMask = hasWrongMask
        self.frames = frames
    }

    static let all: [Violation] =
        framing + control + fragmentation + closes + text + (0x3...0x7).map(reserved) + (0xB...0xF).map(reserved)

    private static func reserved(_ opcode: UInt8) -> Violation {
        Violation("reserved opcode \(opcode)", SimulatedFrame(opcode: opcode, payload: [1, 2]))
    }

    private static let framing = [
        Violation("wrong mask", hasWrongMask: true, .text("hello")),
        Violation("wrong mask on a ping", hasWrongMask: true, .ping("hello")),
        Violation("RSV1 without an extension", SimulatedFrame(reserved: 4, opcode: 1, payload: [0])),
        Violation("RSV2", SimulatedFrame(reserved: 2, opcode: 1, payload: [65])),
        Violation("RSV3", SimulatedFrame(reserved: 1, opcode: 2, payload: [65])),
        Violation("RSV1 on a ping", SimulatedFrame(reserved: 4, opcode: 9)),
        Violation("RSV2 on a Close", SimulatedFrame(reserved: 2, opcode: 8)),
        Violation(
            "125 bytes in 16 bits of length", SimulatedFrame(opcode: 2, payload: .some(125), lengthForm: .bits16)),
        Violation("5 bytes in 64 bits of length", SimulatedFrame(opcode: 2, payload: .some(5), lengthForm: .bits64)),
        Violation("65,535 bytes in 64 bits", SimulatedFrame(opcode: 2, lengthForm: .bits64, claimedLength: 65_535)),
        Violation("negative length", SimulatedFrame(opcode: 2, payload: .some(5), lengthForm: .negative)),
    ]

    private static let control = [
        Violation("fragmented ping", SimulatedFrame(fin: false, opcode: 9)),
        Violation("fragmented pong", SimulatedFrame(fin: false, opcode: 0xA)),
        Violation("fragmented Close", SimulatedFrame(fin: false, opcode: 8)),
        Violation("ping of 126 bytes", SimulatedFrame(opcode: 9, payload: .some(126))),
        Violation("pong of 126 bytes", SimulatedFrame(opcode: 0xA, payload: .some(126))),
        Violation("Close of 126 bytes", SimulatedFrame(opcode: 8, payload: [3, 232] + .some(124))),
    ]

    private static let fragmentation = [
        Violation("continuation of nothing", .continuation("x")),
        Violation("continuation after a whole message", .text("x"), .continuation("y")),
        Violation("text inside a message", .text("x", fin: false), .text("y")),
        Violation("binary inside a message", .text("x", fin: false), .binary([1])),
        Violation("text inside a message, behind a ping", .binary([1], fin: false), .ping("p"), .text("y")),
    ]

    private static let closes =
        [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65_535].map { (code: UInt16) in
            Violation("close code \(code)", .close(code, "why"))
        } + [
            Violation("Close with one byte", SimulatedFrame(opcode: 8, payload: [3])),
            Violation(
                "close reason that is not UTF-8", code: 1007, SimulatedFrame(opcode: 8, payload: [3, 232, 0xFF])),
            Violation(
                "close reason that ends inside a character", code: 1007,
                SimulatedFrame(opcode: 8, payload: [3, 232, 0xE2, 0x82])),
        ]

    private static func text(_ what: String, _ payload: [UInt8]) -> Violation {
        Violation(what, code: 1007, isInPayload: true, SimulatedFrame(opcode: 1, payload: payload))
    }

    private static let text = [
        text("a byte that begins nothing", Array("abc".utf8) + [0xFF, 0x41]),
        text("an overlong form", Array("abc".utf8) + [0xC0, 0xAF]),
        text("a surrogate", [0xED, 0xA0, 0x80]),
        text("a character past U+10FFFF", [0xF4, 0x90, 0x80, 0x80]),
        text("text that ends inside a character", Array("κό".utf8) + [0xCF]),
        Violation(
            "a character cut by the end of a fragmented message", code: 1007, isInPayload: true,
            SimulatedFrame(fin: false, opcode: 1, payload: [0xCF]), .ping("p"),
            SimulatedFrame(opcode: 0, payload: [0x41])),
        Violation(
            "an empty last fragment behind half a character", code: 1007,
            SimulatedFrame(fin: false, opcode: 1, payload: [0xCF]), SimulatedFrame(opcode: 0)),
    ]
}

extension [UInt8] {
    static func some(_ count: Int) -> [UInt8] { Array(repeating: 0x61, count: count) }
}

@Suite struct RelayDirectionScanningTests {
    @Test(
        "who breaks a rule gets the code, the other side 1001", arguments: Violation.all,
        [Split.whole, .bytes, .random(seed: 3)])
    func failsTheConnection(violation: Violation, split: Split) {
        for leg in Leg.allCases {
            let pair = SimulatedPair(split: split)
            let offender = pair.peer(leg)
            let other = pair.peer(leg.other)
            offender.send(text: "before")
            for var frame in violation.frames {
                if violation.hasWrongMask { frame.isMasked = leg == .server }
                offender.send(frame)
            }
            offender.send(text: "after")
            pair.run()

            #expect(offender.close?.code == violation.code)
            #expect(offender.close?.reason != "")
            #expect(other.messages.first == SimulatedMessage(isText: true, payload: Array("before".utf8)))
            #expect(!other.messages.contains { $0.payload == Array("after".utf8) })
            if other.isInsideFrame {
                #expect(violation.isInPayload && other.end == .drop && other.close == nil)
                if case .whole = split { Issue.record("a frame was cut that could have been refused whole") }
            } else {
                #expect(other.close?.code == 1001)
            }
            #expect(offender.end == .end)
            #expect(pair.outcome?.closer == .gateway)
            #expect(pair.outcome?.code == violation.code)
            pair.expectSound("\(leg)")
        }
    }

    @Test(
        "a message at the limit passes, one byte more is refused with 1009 before any of it goes on",
        arguments: Split.all)
    func limitsMessageSize(split: Split) {
        for leg in Leg.allCases {
            for isText in [true, false] {
                let pair = SimulatedPair(settings: .quiet.with { $0.maxMessageSize = 1000 }, split: split)
                let fits = SimulatedMessage(isText: isText, payload: .some(1000))
                pair.peer(leg).send(fits)
                pair.peer(leg).send(fits, fragments: [1, 0, 400])
                pair.run()
                #expect(pair.peer(leg.other).messages == [fits, fits])
                let before = pair.peer(leg.other).bytesReceived

                pair.peer(leg).send(SimulatedMessage(isText: isText, payload: .some(1001)))
                pair.run()
                #expect(pair.peer(leg).close?.code == 1009)
                #expect(pair.peer(leg).close?.reason == "message is 1001 bytes or more, limit 1000")
                #expect(pair.peer(leg.other).close?.code == 1001)
                #expect(pair.peer(leg.other).messages.count == 2)
                #expect(pair.peer(leg.other).bytesReceived - before < 131)
                pair.expectFinished(
                    SessionOutcome(closer: .gateway, code: 1009, reason: "message is 1001 bytes or more, limit 1000"))
            }
        }
    }

    @Test("the limit holds for the sum of a message's fragments", arguments: Split.all)
    func limitsFragments(split: Split) {
        for leg in Leg.allCases {
            let pair = SimulatedPair(settings: .quiet.with { $0.maxMessageSize = 1000 }, split: split)
            pair.peer(leg).send(SimulatedMessage(isText: true, payload: .some(1001)), fragments: [500, 500])
            pair.run()
            #expect(pair.peer(leg).close?.code == 1009)
            #expect(pair.peer(leg.other).frames.map(\.opcode) == [1, 0, 8], "between two fragments a Close may go")
            #expect(pair.peer(leg.other).close?.code == 1001)
            pair.expectSound()
        }
    }

    @Test(
        "a length past the limit is refused when its header is there", arguments: [1001, 70_000, 1 << 40, Int.max])
    func refusesByHeader(length: Int) {
        for fragments in [false, true] {
            let pair = SimulatedPair(settings: .quiet.with { $0.maxMessageSize = 1000 })
            if fragments { pair.client.send(.text("abc", fin: false)) }
            pair.client.send(SimulatedFrame(opcode: fragments ? 0 : 1, claimedLength: length))
            pair.run()
            #expect(pair.client.close?.code == 1009)
            #expect(pair.server.close?.code == 1001)
            pair.expectSound()
        }
    }

    static let scripts = ["κόσμε", "a😀b", "\u{10FFFF}", "plain", "ß\u{FFFD}", ""]

    @Test("text may be cut anywhere: between fragments and between reads", arguments: scripts)
    func passesTextCutAnywhere(script: String) {
        let message = SimulatedMessage(isText: true, payload: Array(script.utf8))
        for cut in 0...message.payload.count {
            for split in [Split.whole, .bytes] {
                let pair = SimulatedPair(split: split)
                pair.client.send(message, fragments: [cut])
                pair.server.send(message, fragments: [cut, 0])
                pair.run()
                #expect(pair.server.messages == [message])
                #expect(pair.client.messages == [message])
                pair.expectSound()
            }
        }
    }

    @Test("without validation text goes on whatever it is, and binary always does")
    func passesWithoutValidation() {
        let pair = SimulatedPair(settings: .quiet.with { $0.validateUTF8 = false })
        pair.client.send(SimulatedFrame(opcode: 1, payload: [0xFF]))
        pair.run()
        #expect(pair.server.frames.map(\.payload) == [[0xFF]])
        #expect(pair.client.close == nil)
        let other = SimulatedPair()
        other.client.send(.binary([0xFF, 0xC0]))
        other.run()
        #expect(other.server.messages.count == 1)
        other.expectSound()
    }
}
