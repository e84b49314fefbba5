import GatewayConfig
import NIOCore
import PerMessageDeflate
import WebSocketCore

/// How far a pass over a chunk came.
struct Scan {
    /// Bytes that need not be looked at again.
    var consumed: Int
    /// Bytes from the beginning of the chunk that go on as they are.
    var forwarded: Int
    /// Why it ended there.
    var event: ScanEvent
}

enum ScanEvent: Equatable {
    /// The end of the chunk.
    case exhausted
    /// What is left is the beginning of a header or of a control frame.
    case cut
    /// A whole control frame that is not simply passed on begins here.
    indirect case control(FrameHeader)
    /// Payload of a message that is being rewritten begins here, or its end is due.
    case transcode
    indirect case violation(ProtocolViolation)
    /// The boundary that was asked for.
    case stopped
}

/// The data message that is arriving.
struct MessageInFlight {
    enum Treatment {
        /// Goes on byte for byte.
        case verbatim
        /// Goes on byte for byte, but is inflated on the side for its size, ratio and UTF-8.
        case inspected
        case inflated, deflated, recompressed
        /// Read over, as the destination takes nothing more.
        case dropped

        var isRewritten: Bool { self == .inflated || self == .deflated || self == .recompressed }
    }

    let isText: Bool
    var treatment: Treatment
    /// Payload so far, decompressed.
    var size = 0
    /// Payload so far, as it arrived.
    var arrived = 0
}

extension RelayDirection {
    /// One pass over a chunk. Stops where bytes need more than being passed on.
    ///
    /// - Parameter whole: how many bytes `readOver` has read over.
    mutating func scan(_ bytes: UnsafeRawBufferPointer, from whole: Int, until stop: RelayStop) -> Scan {
        var cursor = whole
        // Where the current frame begins in this chunk; nil when that was in an earlier one.
        var frameStart: Int?
        let relays = intake == .relay
        let payloadBefore = compressed?.traffic.payloadBytes ?? 0
        func ended(_ event: ScanEvent) -> Scan {
            Scan(consumed: cursor, forwarded: relays ? cursor : 0, event: event)
        }

        while true {
            if let frame {
                if let message, message.treatment.isRewritten { return ended(.transcode) }
                let isInspected = message?.treatment == .inspected
                var count = min(frame.payloadLength - framePosition, bytes.count - cursor)
                if isInspected { count = min(count, Self.pieceSize) }
                let payload = UnsafeRawBufferPointer(rebasing: bytes[cursor..<(cursor + count)])
                if let violation = pass(payload, of: frame) {
                    // Nothing of a frame that is refused goes on, unless some of it already has.
                    if frameStart != nil { self.frame = nil }
                    return Scan(consumed: cursor, forwarded: frameStart ?? 0, event: .violation(violation))
                }
                cursor += count
                framePosition += count
                let isWhole = framePosition == frame.payloadLength
                if isWhole {
                    self.frame = nil
                    if frame.fin { endMessage() }
                }
                // What is inspected may be a thousand times what arrived: the rest of the chunk is the next step's.
                if isInspected, let compressed, cursor < bytes.count,
                    compressed.traffic.payloadBytes &- payloadBefore >= Self.inspectionLimit
                {
                    return ended(.exhausted)
                }
                guard isWhole || cursor < bytes.count else { return ended(.exhausted) }
                continue
            }
            if stop == .frameBoundary { return ended(.stopped) }
            guard cursor < bytes.count else { return ended(.exhausted) }

            let head = UnsafeRawBufferPointer(rebasing: bytes[cursor...])
            let header: FrameHeader
            do {
                guard let parsed = try FrameHeader.parse(head) else { return ended(.cut) }
                header = parsed
                try judge(header)
            } catch {
                return ended(.violation(error))
            }
            if header.opcode.isControl {
                let length = header.encodedLength + header.payloadLength
                guard length <= head.count else { return ended(.cut) }
                if header.opcode == .close || header.opcode == .pong && handsUpPongs && relays {
                    return ended(.control(header))
                }
                if header.opcode == .ping { relayedPings += 1 } else { relayedPongs += 1 }
                cursor += length
                continue
            }
            // Control frames still pass: the Close of a peer does not wait for the other's message.
            if stop == .messageBoundary, message == nil { return ended(.stopped) }
            frameStart = cursor
            if let violation = begin(header) {
                // Nothing of the frame goes on, so the destination stands between two frames.
                frame = nil
                return ended(.violation(violation))
            }
            if let message, message.treatment.isRewritten {
                return Scan(consumed: cursor + header.encodedLength, forwarded: cursor, event: .transcode)
            }
            cursor += header.encodedLength
        }
    }

    /// Reads over whole messages of one frame that go on as they are; tells how many bytes they are. What begins there is
    /// anything else, and `scan` judges it. No state is touched: most reads are one such message.
    mutating func readOver(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard compressed == nil, intake == .relay, isAtMessageBoundary else { return 0 }
        let largest = rules.settings.maxMessageSize
        let validates = rules.settings.validateUTF8
        var cursor = 0
        while cursor < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[cursor...])
            guard let header = FrameHeader.wholeMessage(rest, isMasked: source == .client),
                header.payloadLength <= largest
            else { break }
            let end = header.encodedLength &+ header.payloadLength
            if header.opcode == .text {
                if validates {
                    var utf8 = UTF8Validator()
                    let payload = UnsafeRawBufferPointer(rebasing: rest[header.encodedLength..<end])
                    guard utf8.consume(payload, mask: header.maskKey, offset: 0), utf8.isAtBoundary else { break }
                }
                passed.textMessages &+= 1
            } else {
                passed.binaryMessages &+= 1
            }
            passed.payloadBytes &+= header.payloadLength
            cursor &+= end
        }
        return cursor
    }

    /// The rules that hold for every frame of this direction (RFC 6455 §5.1, §5.2, §5.4; RFC 7692 §6).
    private func judge(_ header: FrameHeader) throws(ProtocolViolation) {
        if (header.maskKey != nil) != (source == .client) {
            throw ProtocolViolation(
                closeCode: .protocolError,
                reason: source == .client
                    ? "frame from the client is not masked" : "frame from the server is masked")
        }
        if header.rsv2 || header.rsv3 {
            throw ProtocolViolation(
                closeCode: .protocolError, reason: "RSV2 or RSV3 is set, no extension uses them")
        }
        if header.rsv1 {
            guard compression.incoming != nil else {
                throw ProtocolViolation(
                    closeCode: .protocolError, reason: "RSV1 is set, permessage-deflate was not negotiated")
            }
            guard header.opcode == .text || header.opcode == .binary else {
                throw ProtocolViolation(
                    closeCode: .protocolError, reason: "RSV1 is set on a frame that begins no message")
            }
        }
        guard !header.opcode.isControl else { return }
        if header.opcode == .continuation {
            if message == nil {
                throw ProtocolViolation(
                    closeCode: .protocolError, reason: "continuation frame without a message to continue")
            }
        } else if message != nil {
            throw ProtocolViolation(
                closeCode: .protocolError, reason: "new message inside a fragmented one, expected a continuation")
        }
    }

    /// Takes up a data frame: its message, if it begins one, and its length.
    private mutating func begin(_ header: FrameHeader) -> ProtocolViolation? {
        if header.opcode != .continuation {
            let treatment = treatment(of: header)
            message = MessageInFlight(isText: header.opcode == .text, treatment: treatment)
            utf8.reset()
            switch treatment {
            case .verbatim, .dropped: break
            case .inspected:
                if let violation = compressed?.zlib.readyInflater() { return violation }
            case .inflated, .deflated, .recompressed:
                if let violation = beginTranscoding(header) { return violation }
            }
        }
        frame = header
        framePosition = 0
        // Sizes of compressed messages are known when they are inflated; those that arrive plain, here.
        guard var message, !arrivesCompressed(message) else { return nil }
        let (size, overflow) = message.size.addingReportingOverflow(header.payloadLength)
        guard !overflow, size <= settings.maxMessageSize else { return tooBig(overflow ? .max : size) }
        message.size = size
        self.message = message
        return nil
    }

    private func arrivesCompressed(_ message: MessageInFlight) -> Bool {
        switch message.treatment {
        case .inspected, .inflated, .recompressed: true
        case .verbatim, .deflated: false
        case .dropped: true
        }
    }

    private mutating func treatment(of header: FrameHeader) -> MessageInFlight.Treatment {
        guard intake == .relay else { return .dropped }
        if header.rsv1 {
            if compression.passesCompressedMessages { return .inspected }
            guard compression.outgoing != nil, readyDeflater() else { return .inflated }
            return .recompressed
        }
        // A peer that could compress and chose not to is taken at its word.
        guard compression.incoming == nil, compression.outgoing != nil,
            header.payloadLength >= settings.compression.threshold || !header.fin,
            readyDeflater()
        else { return .verbatim }
        return .deflated
    }

    private func readyDeflater() -> Bool { compressed?.zlib.readyDeflater() ?? false }

    /// Checks and counts payload that goes on as it is, up to the end of its frame.
    private mutating func pass(_ payload: UnsafeRawBufferPointer, of frame: FrameHeader) -> ProtocolViolation? {
        guard let message else { return nil }
        let endsMessage = frame.fin && framePosition + payload.count == frame.payloadLength
        switch message.treatment {
        case .verbatim:
            passed.payloadBytes &+= payload.count
            guard message.isText, settings.validateUTF8 else { return nil }
            guard utf8.consume(payload, mask: frame.maskKey, offset: framePosition),
                !endsMessage || utf8.isAtBoundary
            else { return notUTF8 }
            return nil
        case .inspected:
            return inspect(payload, of: frame, endsMessage: endsMessage)
        case .inflated, .deflated, .recompressed, .dropped:
            return nil
        }
    }

    mutating func endMessage() {
        guard let message else { return }
        self.message = nil
        guard message.treatment != .dropped else { return }
        if message.isText { passed.textMessages &+= 1 } else { passed.binaryMessages &+= 1 }
        switch message.treatment {
        case .inspected, .inflated, .recompressed:
            compressed?.traffic.countInflated(from: message.arrived, to: message.size)
        case .verbatim, .deflated, .dropped:
            break
        }
        compressed?.zlib.messageEnded()
    }

    var notUTF8: ProtocolViolation {
        ProtocolViolation(closeCode: .invalidPayload, reason: "text message is not UTF-8")
    }

    func tooBig(_ size: Int) -> ProtocolViolation {
        ProtocolViolation(
            closeCode: .messageTooBig, reason: "message is \(size) bytes or more, limit \(settings.maxMessageSize)")
    }
}
