import GatewayConfig
import NIOCore
import PerMessageDeflate

@testable import GatewaySession
@testable import WebSocketCore

/// The frame scanner: `FrameHeader`, `UTF8Validator` and the uncompressed path of `RelayDirection`.
///
/// Invariant: a stream of frames that comes in any pieces is passed on byte for byte up to where RFC 6455 ends it, as
/// `WireReader` sees it; what comes in one piece is passed on to just that place, and ends the same way. A direction
/// asked to stop does so between two frames, or two messages. Parsing a header reads nothing behind it, gives the
/// same whatever follows, and encoding it gives the bytes it was read from. Text is what the standard library takes.
enum FramesTarget {
    private struct Choices {
        var source: Leg
        var limitsSize: Bool
        var validatesUTF8: Bool
        var awaitsClose: Bool
        var handsUpPongs: Bool
        var stops: Bool

        init(_ bits: UInt8) {
            source = bits & 1 == 0 ? .client : .server
            limitsSize = bits & 2 != 0
            validatesUTF8 = bits & 4 == 0
            awaitsClose = bits & 8 != 0
            handsUpPongs = bits & 16 != 0
            stops = bits & 32 != 0
        }

        var settings: SessionSettings {
            var settings = SessionSettings()
            settings.maxMessageSize = limitsSize ? 300 : 1 << 31
            settings.validateUTF8 = validatesUTF8
            return settings
        }
    }

    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        var input = InputBytes(bytes)
        let choices = Choices(input.byte())
        let seed = input.word()
        let stream = input.all()
        var reader = WireReader(isMasked: choices.source == .client)
        // What is read over after a Close has gone the other way is not judged by its contents.
        reader.validatesUTF8 = choices.validatesUTF8 && !choices.awaitsClose
        reader.maximumSize = choices.awaitsClose ? .max : choices.settings.maxMessageSize
        reader.append(stream)

        try checkHeader(at: reader.frameStart, of: stream)
        try checkText(stream, seed: seed)
        let whole = try relay(stream, choices, pieces: nil)
        try judge(whole, by: reader, stream, choices, name: "in one piece")
        let split = try relay(stream, choices, pieces: Pieces(seed: seed))
        try judge(split, by: reader, stream, choices, name: "in pieces")
    }

    // MARK: Headers

    private static func checkHeader(at start: Int, of stream: UnsafeRawBufferPointer) throws {
        let bytes = stream[min(start, stream.count)...].prefix(FrameHeader.maximumEncodedLength + 1)
        var found: FrameHeader?
        var refused: ProtocolViolation?
        for count in 0...bytes.count {
            // A block of just this size: reading past its end is seen by the sanitizer.
            let block = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
            defer { block.deallocate() }
            block.copyBytes(from: bytes.prefix(count))
            let result = Result { () throws(ProtocolViolation) in
                try FrameHeader.parse(UnsafeRawBufferPointer(block))
            }
            switch result {
            case .failure(let violation):
                try require(found == nil, "header of \(count) bytes was refused, taken with fewer: \(Array(block))")
                try require(refused == nil || refused == violation, "\(violation) from \(count), not from fewer bytes")
                refused = violation
            case .success(let header):
                try require(refused == nil, "header of \(count) bytes was taken, refused with fewer: \(Array(block))")
                try require(found == nil || header == found, "another header from \(count) bytes: \(Array(block))")
                guard let header, found == nil else { continue }
                try require(header.encodedLength == count, "\(header) from \(count) bytes, not \(header.encodedLength)")
                var encoded = ByteBuffer()
                header.encode(into: &encoded)
                try require(encoded.readableBytesView.elementsEqual(block), "\(Array(block)) was encoded as \(encoded)")
                found = header
            }
        }
    }

    // MARK: Text

    private static func checkText(_ stream: UnsafeRawBufferPointer, seed: Int) throws {
        var scanned = 0
        let left = UTF8Reference.scan(Array(stream), from: &scanned)
        let isText = String(validating: stream, as: UTF8.self) != nil
        try require(isText == (left == 0), "the reference says \(left ?? -1), the standard library \(isText)")
        var pieces = Pieces(seed: seed)
        let key = MaskKey(raw: UInt32(truncatingIfNeeded: seed &* 0x9E37_79B9))
        var validator = UTF8Validator()
        var position = 0
        var isGood = true
        while position < stream.count {
            let count = min(pieces.next(), stream.count - position)
            let block = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
            defer { block.deallocate() }
            block.copyBytes(from: stream[position..<(position + count)])
            key.apply(to: block, offset: position)
            let isStillGood = validator.consume(UnsafeRawBufferPointer(block), mask: key, offset: position)
            try require(isGood || !isStillGood, "text was refused, and taken with more bytes")
            isGood = isStillGood
            position += count
        }
        try require(isGood == (left != nil), "validator says \(isGood), the reference \(left ?? -1)")
        try require(!isGood || validator.isAtBoundary == (left == 0), "boundary of text is not where it is")
    }

    // MARK: Relaying

    private struct Relayed {
        var forwarded: [UInt8] = []
        var end = WireReader.End.open
        var isBetweenMessages = true
        var traffic = DirectionTraffic()
    }

    private static func relay(
        _ stream: UnsafeRawBufferPointer, _ choices: Choices, pieces: Pieces?
    ) throws -> Relayed {
        let none = DirectionCompression()
        var direction = RelayDirection(
            source: choices.source, rules: SessionRules(choices.settings), compression: none,
            pool: ZlibPool(memory: CompressionMemory(limit: 0)), maskKeys: CountedMaskKeys())
        direction.handsUpPongs = choices.handsUpPongs
        if choices.awaitsClose { direction.awaitClose() }
        var pieces = pieces
        var relayed = Relayed()
        var position = 0
        var stop = RelayStop.never
        while position < stream.count, relayed.end == .open {
            let count = min(pieces?.next() ?? stream.count, stream.count - position)
            if choices.stops { stop = [.never, .frameBoundary, .messageBoundary][count % 3] }
            direction.receive(ByteBuffer(bytes: stream[position..<(position + count)]))
            position += count
            try run(&direction, until: stop, choices, &relayed)
            if stop != .never { try run(&direction, until: .never, choices, &relayed) }
            let held = position - relayed.forwarded.count
            let isBounded = choices.awaitsClose || relayed.end != .open || held <= 139
            try require(isBounded, "\(held) bytes are held back, expected at most 139")
        }
        relayed.isBetweenMessages = direction.sourceIsBetweenMessages
        relayed.traffic = direction.takeTraffic()
        return relayed
    }

    private static func run(
        _ direction: inout RelayDirection, until stop: RelayStop, _ choices: Choices, _ relayed: inout Relayed
    ) throws {
        while relayed.end == .open {
            switch direction.step(until: stop) {
            case .needsInput:
                try require(direction.isDrained, "nothing is to be done, and input is waiting")
                return
            case .forward(let bytes):
                try require(bytes.readableBytes > 0, "an empty write")
                relayed.forwarded += bytes.readableBytesView
            case .pong(let frame, _):
                try require(choices.handsUpPongs && !choices.awaitsClose, "a pong was handed up unasked")
                relayed.forwarded += frame.readableBytesView
            case .close(_, let payload):
                var bytes = ByteBuffer()
                payload.encode(into: &bytes)
                relayed.end = .close(payload: Array(bytes.readableBytesView))
            case .violation(let violation):
                relayed.end = .violation(Int(violation.closeCode.rawValue))
            case .stopped:
                try require(stop != .never, "it stopped unasked")
                guard !choices.awaitsClose else { return }
                var reader = WireReader(isMasked: choices.source == .client)
                reader.validatesUTF8 = choices.validatesUTF8
                reader.append(relayed.forwarded)
                let isAtBoundary = stop == .frameBoundary ? reader.isBetweenFrames : reader.isBetweenMessages
                try require(isAtBoundary, "it stopped at byte \(relayed.forwarded.count), which is no \(stop)")
                return
            }
        }
    }

    private static func judge(
        _ relayed: Relayed, by reader: WireReader, _ stream: UnsafeRawBufferPointer, _ choices: Choices, name: String
    ) throws {
        try require(relayed.end == reader.end, "\(name) it ended with \(relayed.end), expected \(reader.end)")
        guard !choices.awaitsClose else {
            try require(relayed.forwarded.isEmpty, "\(name) bytes were passed on after the Close")
            return
        }
        let expected = reader.end == .open ? reader.understood : reader.frameStart
        let count = relayed.forwarded.count
        try require(stream.starts(with: relayed.forwarded), "\(name) other bytes were passed on than came")
        // Text that turns out to be none may have begun to go on before the byte that shows it came.
        let isMore = reader.end == .violation(1007) && name == "in pieces" && count <= reader.understood
        try require(
            count == expected || isMore && count > expected,
            "\(name) \(count) bytes were passed on, expected \(expected)")
        guard reader.end == .open else { return }
        try require(
            relayed.isBetweenMessages == reader.isBetweenMessages,
            "\(name) it says \(relayed.isBetweenMessages) to being between messages")
        let texts = reader.messages.count { $0.isText }
        let traffic = relayed.traffic
        try require(
            traffic.textMessages == texts && traffic.binaryMessages == reader.messages.count - texts
                && traffic.payloadBytes == reader.payloadBytes,
            "\(name) counted \(traffic), expected \(texts) texts of \(reader.messages.count) messages")
    }
}

/// Keys that tell the gateway's own frames apart.
final class CountedMaskKeys: MaskKeySource {
    private var count: UInt32 = 0

    func nextMaskKey() -> MaskKey {
        count &+= 0x0102_0304
        return MaskKey(raw: count)
    }
}
