import GatewayConfig
import NIOCore
import PerMessageDeflate
import WebSocketCore

enum TranscodingStep {
    case needsInput
    /// A whole frame for the destination.
    case frame(ByteBuffer)
    case violation(ProtocolViolation)
}

extension RelayDirection {
    /// How much payload is unmasked, inflated or compressed in one go.
    static var pieceSize: Int { 8 * 1024 }

    mutating func beginTranscoding(_ header: FrameHeader) -> ProtocolViolation? {
        guard let message, let compressed else { return nil }
        let inflates = message.treatment != .deflated
        let deflates = message.treatment != .inflated
        if inflates, let violation = compressed.zlib.readyInflater() { return violation }
        let expected = inflates && !deflates ? header.payloadLength &* 4 : header.payloadLength
        compressed.transcoding = Transcoding(
            opcode: header.opcode, inflates: inflates, deflates: deflates, expecting: expected,
            waits: compressed.zlib.shares)
        return nil
    }

    /// Works on the message until a frame is ready, or input is needed.
    mutating func transcode(_ chunk: inout ByteBuffer?) -> TranscodingStep {
        guard let compressed else { return .needsInput }
        if compressed.zlib.shares, let step = shareMessage(&chunk, by: compressed) { return step }
        guard var work = compressed.transcoding else { return .needsInput }
        // Taken out while it is worked on, so that its buffers have one owner and are not copied.
        compressed.transcoding = nil
        work.begin()
        defer { if message != nil { compressed.transcoding = work } }
        do {
            while true {
                if work.frameIsDue { return .frame(work.takeFrame(fin: false, maskKey: outgoingMaskKey)) }
                if work.plain.readableBytes > 0 {
                    try compressed.zlib.deflatePlain(of: &work)
                    continue
                }
                switch work.phase {
                case .payload:
                    if let step = try transcodePayload(&work, &chunk, by: compressed) { return step }
                case .inflateTail:
                    let before = work.inflated.readableBytes
                    let isDone = try compressed.zlib.finishInflating(into: &work)
                    if let violation = checkInflated(work.inflated, from: before, by: compressed) {
                        return .violation(violation)
                    }
                    guard isDone else { continue }
                    guard textIsComplete else { return .violation(notUTF8) }
                    guard work.deflates else { return finish(&work, by: compressed) }
                    work.phase = .deflateTail
                case .deflateTail:
                    guard textIsComplete else { return .violation(notUTF8) }
                    if try compressed.zlib.finishDeflating(into: &work) { return finish(&work, by: compressed) }
                }
            }
        } catch {
            return .violation(ProtocolViolation(closeCode: .invalidPayload, reason: "\(error)"))
        }
    }

    /// Sends a whole message of the server in a frame that was compressed for other connections too; nil: it is to be
    /// compressed for this one.
    private mutating func shareMessage(
        _ chunk: inout ByteBuffer?, by compressed: CompressedDirection
    ) -> TranscodingStep? {
        guard let frame, frame.fin, frame.opcode != .continuation, frame.maskKey == nil, framePosition == 0,
            let message, message.treatment == .deflated, frame.payloadLength <= SharedCompression.largestMessage,
            let bytes = chunk, bytes.readableBytes >= frame.payloadLength
        else { return nil }
        let shared = bytes.withUnsafeReadableBytes { readable -> ByteBuffer? in
            let payload = UnsafeRawBufferPointer(rebasing: readable[..<frame.payloadLength])
            guard let shared = compressed.zlib.sharedFrame(of: payload, opcode: frame.opcode) else { return nil }
            if message.isText, settings.validateUTF8 { _ = utf8.consume(payload, mask: nil, offset: 0) }
            return shared
        }
        guard let shared else { return nil }
        guard textIsComplete else { return .violation(notUTF8) }
        chunk?.moveReaderIndex(forwardBy: frame.payloadLength)
        self.frame = nil
        compressed.transcoding = nil
        compressed.traffic.payloadBytes &+= frame.payloadLength
        compressed.traffic.messagesShared &+= 1
        // A server's frame of at most 64 KiB has a header of 2 or 4 bytes.
        let header = shared.readableBytes <= 2 + 125 ? 2 : 4
        compressed.traffic.countDeflated(from: frame.payloadLength, to: shared.readableBytes - header)
        endMessage()
        return .frame(shared)
    }

    private var outgoingMaskKey: MaskKey? { source == .client ? maskKeys?.nextMaskKey() : nil }

    private var textIsComplete: Bool {
        guard let message, message.isText, settings.validateUTF8 else { return true }
        return utf8.isAtBoundary
    }

    /// One piece of the frame's payload; nil to go on.
    private mutating func transcodePayload(
        _ work: inout Transcoding, _ chunk: inout ByteBuffer?, by compressed: CompressedDirection
    ) throws -> TranscodingStep? {
        guard let frame else { return .needsInput }
        guard framePosition < frame.payloadLength else {
            self.frame = nil
            guard frame.fin else { return .needsInput }
            work.phase = work.inflates ? .inflateTail : .deflateTail
            return nil
        }
        guard var bytes = chunk, bytes.readableBytes > 0 else { return .needsInput }
        chunk = nil
        defer { chunk = bytes }
        let count = min(bytes.readableBytes, frame.payloadLength - framePosition, Self.pieceSize)
        let used = try bytes.withUnsafeReadableBytes { readable in
            let piece = UnsafeRawBufferPointer(rebasing: readable[..<count])
            return try unmasked(piece, by: frame.maskKey, offset: framePosition) {
                try convert($0, &work, by: compressed)
            }
        }
        switch used {
        case .success(let consumed):
            bytes.moveReaderIndex(forwardBy: consumed)
            framePosition += consumed
            return nil
        case .failure(let violation):
            return .violation(violation)
        }
    }

    /// Inflates or compresses a piece; tells how much of it was used.
    private mutating func convert(
        _ piece: UnsafeRawBufferPointer, _ work: inout Transcoding, by compressed: CompressedDirection
    ) throws -> Result<Int, ProtocolViolation> {
        if work.inflates {
            let before = work.inflated.readableBytes
            let consumed = try compressed.zlib.inflate(piece, into: &work)
            message?.arrived &+= consumed
            if let violation = checkInflated(work.inflated, from: before, by: compressed) { return .failure(violation) }
            return .success(consumed)
        }
        let consumed = try compressed.zlib.deflate(piece, into: &work)
        compressed.traffic.payloadBytes &+= consumed
        if let message, message.isText, settings.validateUTF8,
            !utf8.consume(UnsafeRawBufferPointer(rebasing: piece[..<consumed]), mask: nil, offset: 0)
        {
            return .failure(notUTF8)
        }
        return .success(consumed)
    }

    /// Size, ratio and UTF-8 of what was just inflated: the bytes of `buffer` after `position`.
    private mutating func checkInflated(
        _ buffer: ByteBuffer, from position: Int, by compressed: CompressedDirection
    ) -> ProtocolViolation? {
        guard var message else { return nil }
        defer { self.message = message }
        return buffer.withUnsafeReadableBytes { bytes in
            Self.check(
                UnsafeRawBufferPointer(rebasing: bytes[position...]), of: &message, settings, &utf8,
                &compressed.traffic)
        }
    }

    private mutating func finish(_ work: inout Transcoding, by compressed: CompressedDirection) -> TranscodingStep {
        let frame = work.takeFrame(fin: true, maskKey: outgoingMaskKey)
        if work.deflates, let message {
            compressed.traffic.countDeflated(from: message.size, to: work.sent)
        }
        endMessage()
        return .frame(frame)
    }
}

extension Transcoding {
    /// Where inflated payload goes: to the destination, or on to be compressed again.
    var inflated: ByteBuffer { deflates ? plain : gathered }
}

/// Hands over payload as its sender wrote it: a copy where it is masked, as the chunk may be needed as it came.
func unmasked<Result>(
    _ piece: UnsafeRawBufferPointer, by key: MaskKey?, offset: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
) rethrows -> Result {
    guard let key else { return try body(piece) }
    return try withUnsafeTemporaryAllocation(byteCount: piece.count, alignment: 8) { scratch in
        scratch.copyMemory(from: piece)
        key.apply(to: scratch, offset: offset)
        return try body(UnsafeRawBufferPointer(scratch))
    }
}
