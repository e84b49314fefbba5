import GatewayConfig
import NIOCore
import PerMessageDeflate
import WebSocketCore

/// The bytes that go from one peer to the other: one pass over each chunk as it arrives.
///
/// Frame headers are read in place, and what needs no change goes on as the very chunk that came, masks and all.
/// Messages that the destination's leg wants differently compressed are rewritten (`RelayDirection+Transcoding`).
/// Nothing is gathered but a cut header or control frame (at most 139 bytes) and what a rewritten message has ready
/// (at most 64 KiB); input that can't be worked on yet waits, and the session asks for no more until it is gone.
///
/// A step does a bounded piece of work, so that a small input that inflates to a lot is worked off at the pace of the
/// peer that it goes to.
struct RelayDirection: ~Copyable {
    let source: Leg
    let settings: SessionSettings
    let compression: DirectionCompression
    let maskKeys: any MaskKeySource

    var intake = RelayIntake.relay
    /// Pongs are handed up while the gateway's own ping is unanswered.
    var handsUpPongs = false
    var traffic = DirectionTraffic()
    /// Pings and pongs passed on since the session last looked.
    var relayedPings = 0
    var relayedPongs = 0

    /// More than a pong that is handed up has arrived since the session last looked.
    private var isActive = false
    private var input: ByteBuffer?
    /// `input` is the beginning of a header or control frame, and can't be read further yet.
    private var inputIsCut = false
    private var waiting: [ByteBuffer] = []
    private var deferred: ScanEvent?

    /// The data frame whose payload is arriving, and how much of it has been dealt with.
    var frame: FrameHeader?
    var framePosition = 0
    /// The data message that is arriving.
    var message: MessageInFlight?
    var utf8 = UTF8Validator()
    var zlib: ZlibStates
    /// Present while a message is being rewritten.
    var transcoding: Transcoding?

    init(
        source: Leg, settings: SessionSettings, compression: DirectionCompression, zlib: consuming ZlibStates,
        maskKeys: any MaskKeySource
    ) {
        self.source = source
        self.settings = settings
        self.compression = compression
        self.maskKeys = maskKeys
        self.zlib = zlib
    }

    /// Whether nothing that arrived is waiting to be dealt with.
    var isDrained: Bool { deferred == nil && (input == nil || inputIsCut) }

    /// Bytes that arrived, or were inflated or compressed from those, and are still to be passed on.
    var heldBytes: Int {
        let arrived = (input?.readableBytes ?? 0) + waiting.reduce(0) { $0 + $1.readableBytes }
        guard let transcoding else { return arrived }
        return arrived + transcoding.plain.readableBytes + transcoding.gathered.readableBytes
    }

    /// Whether the destination stands between two frames. A rewritten message is sent in whole frames.
    var isAtFrameBoundary: Bool { frame == nil || message?.treatment.isRewritten ?? true }

    /// Whether the destination stands between two messages.
    var isAtMessageBoundary: Bool { message == nil && frame == nil }

    /// Whether the source may end here without breaking anything off.
    var sourceIsBetweenMessages: Bool { isAtMessageBoundary && input == nil }

    mutating func takeIsActive() -> Bool {
        defer { isActive = false }
        return isActive
    }

    mutating func receive(_ bytes: ByteBuffer) {
        guard intake != .ignore, bytes.readableBytes > 0 else { return }
        guard input != nil else {
            input = bytes
            return
        }
        waiting.append(bytes)
    }

    /// Drops what is waiting and whatever still comes.
    mutating func ignoreRest() {
        intake = .ignore
        input = nil
        inputIsCut = false
        waiting = []
        deferred = nil
        transcoding = nil
        zlib.releaseAll()
    }

    /// The destination takes nothing more: only the source's Close is of interest now.
    mutating func awaitClose() {
        guard intake == .relay else { return }
        intake = .awaitClose
        if case .transcode? = deferred { deferred = nil }
        // All of it has arrived, and only its end was still to be written.
        if let transcoding, transcoding.phase != .payload { message = nil }
        transcoding = nil
        zlib.releaseAll()
        message?.treatment = .dropped
    }

    mutating func step(until stop: RelayStop) -> RelayStep {
        while true {
            if let event = deferred {
                deferred = nil
                if let step = perform(event, until: stop) { return step }
                continue
            }
            guard intake != .ignore, let chunk = takeInput() else { return .needsInput }
            let scan = chunk.withUnsafeReadableBytes { bytes in self.scan(bytes, until: stop) }
            if scan.consumed > 0 { isActive = true }
            if scan.consumed < chunk.readableBytes { keepRest(of: chunk, after: scan.consumed, event: scan.event) }
            switch scan.event {
            case .exhausted, .cut: break
            case .control, .transcode, .violation, .stopped: deferred = scan.event
            }
            if scan.forwarded == chunk.readableBytes { return .forward(chunk) }
            if scan.forwarded > 0, let run = chunk.getSlice(at: chunk.readerIndex, length: scan.forwarded) {
                return .forward(run)
            }
        }
    }

    /// The bytes to read next; nil when there are none, or only a cut header.
    private mutating func takeInput() -> ByteBuffer? {
        guard let head = input else { return nil }
        if !inputIsCut {
            if waiting.isEmpty { input = nil } else { input = waiting.removeFirst() }
            return head
        }
        guard !waiting.isEmpty else { return nil }
        // At most 139 bytes of a cut header or control frame are put in front of the chunk that completes them.
        var joined = ByteBuffer()
        let next = waiting.removeFirst()
        joined.reserveCapacity(head.readableBytes + next.readableBytes)
        joined.writeImmutableBuffer(head)
        joined.writeImmutableBuffer(next)
        inputIsCut = false
        input = waiting.isEmpty ? nil : waiting.removeFirst()
        return joined
    }

    /// Puts what the scan has not used back in front of what is waiting.
    private mutating func keepRest(of chunk: ByteBuffer, after consumed: Int, event: ScanEvent) {
        guard let rest = chunk.getSlice(at: chunk.readerIndex + consumed, length: chunk.readableBytes - consumed) else {
            return
        }
        if let next = input { waiting.insert(next, at: 0) }
        inputIsCut = event == .cut
        // Copying the few bytes of a cut header lets go of the chunk's storage.
        input = inputIsCut ? ByteBuffer(bytes: rest.readableBytesView) : rest
    }

    private mutating func perform(_ event: ScanEvent, until stop: RelayStop) -> RelayStep? {
        switch event {
        case .exhausted, .cut:
            return nil
        case .stopped:
            return stop == .never ? nil : .stopped
        case .violation(let violation):
            return fail(violation)
        case .control(let header):
            return performControl(header)
        case .transcode:
            // A rewritten message leaves whole frames behind, so this is a boundary between frames.
            if stop == .frameBoundary {
                deferred = .transcode
                return .stopped
            }
            return performTranscoding()
        }
    }

    private mutating func fail(_ violation: ProtocolViolation) -> RelayStep {
        ignoreRest()
        return .violation(violation)
    }

    /// Deals with a whole pong or Close at the head of the input.
    private mutating func performControl(_ header: FrameHeader) -> RelayStep? {
        guard var rest = input, let frame = rest.readSlice(length: header.encodedLength + header.payloadLength) else {
            return nil
        }
        input = rest.readableBytes > 0 ? rest : (waiting.isEmpty ? nil : waiting.removeFirst())
        var payload = ByteBuffer(bytes: frame.readableBytesView.dropFirst(header.encodedLength))
        if let key = header.maskKey {
            payload.withUnsafeMutableReadableBytes { key.apply(to: $0, offset: 0) }
        }
        guard header.opcode == .close else { return .pong(frame: frame, payload: payload) }
        let close = payload.withUnsafeReadableBytes { bytes in
            Result { () throws(ProtocolViolation) in try ClosePayload.parse(bytes) }
        }
        switch close {
        case .success(let close):
            ignoreRest()
            return .close(frame: frame, payload: close)
        case .failure(let violation):
            return fail(violation)
        }
    }

    private mutating func performTranscoding() -> RelayStep? {
        isActive = true
        var chunk = input
        input = nil
        let step = transcode(&chunk)
        if let chunk, chunk.readableBytes > 0 {
            input = chunk
        } else if !waiting.isEmpty {
            input = waiting.removeFirst()
        }
        switch step {
        case .needsInput:
            return nil
        case .frame(let bytes):
            if transcoding != nil { deferred = .transcode }
            return .forward(bytes)
        case .violation(let violation):
            return fail(violation)
        }
    }
}
