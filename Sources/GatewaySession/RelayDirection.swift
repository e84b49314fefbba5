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
    var intake = RelayIntake.relay
    /// Pongs are handed up while the gateway's own ping is unanswered.
    var handsUpPongs = false
    /// More than a pong that is handed up has arrived since the session last looked.
    private var isActive = false
    var utf8 = UTF8Validator()
    /// Pings and pongs passed on since the session last looked: no more than fit into a chunk.
    var relayedPings: UInt32 = 0
    var relayedPongs: UInt32 = 0
    /// What is counted of messages that go on as they are.
    var passed = PassedTraffic()

    let rules: SessionRules
    /// nil: no compression on either leg.
    let compressed: CompressedDirection?
    /// nil: nothing is held, and the source stands between two messages.
    private var unfinished: UnfinishedInput?

    init(
        source: Leg, rules: SessionRules, compression: DirectionCompression, pool: ZlibPool,
        maskKeys: any MaskKeySource, route: String? = nil
    ) {
        self.source = source
        self.rules = rules
        guard compression.incoming != nil || compression.outgoing != nil else {
            compressed = nil
            return
        }
        compressed = CompressedDirection(
            compression,
            zlib: ZlibStates(pool: pool, compression: compression, settings: rules.settings.compression, route: route),
            maskKeys: maskKeys)
    }

    /// Whether nothing that arrived is waiting to be dealt with.
    var isDrained: Bool {
        guard let unfinished else { return true }
        return unfinished.deferred == nil && (unfinished.input == nil || unfinished.inputIsCut)
    }

    /// Bytes that arrived, or were inflated or compressed from those, and are still to be passed on.
    var heldBytes: Int {
        var held = 0
        if let unfinished {
            held = (unfinished.input?.readableBytes ?? 0) + unfinished.waiting.reduce(0) { $0 + $1.readableBytes }
        }
        guard let transcoding else { return held }
        return held + transcoding.plain.readableBytes + transcoding.gathered.readableBytes
    }

    /// Whether the destination stands between two frames. A rewritten message is sent in whole frames.
    var isAtFrameBoundary: Bool { frame == nil || message?.treatment.isRewritten ?? true }

    /// Whether the destination stands between two messages.
    var isAtMessageBoundary: Bool { message == nil && frame == nil }

    /// Whether the source may end here without breaking anything off.
    var sourceIsBetweenMessages: Bool { isAtMessageBoundary && unfinished?.input == nil }

    mutating func takeIsActive() -> Bool {
        defer { isActive = false }
        return isActive
    }

    var hasRelayedControls: Bool { relayedPings | relayedPongs != 0 }

    var hasTraffic: Bool {
        if !passed.isEmpty { return true }
        guard let compressed else { return false }
        return !compressed.traffic.isEmpty
    }

    mutating func takePassed() -> PassedTraffic {
        let taken = passed
        passed = PassedTraffic()
        return taken
    }

    mutating func takeTraffic() -> DirectionTraffic {
        let passed = takePassed()
        var taken = compressed?.traffic ?? DirectionTraffic()
        taken.textMessages &+= Int(passed.textMessages)
        taken.binaryMessages &+= Int(passed.binaryMessages)
        taken.payloadBytes &+= passed.payloadBytes
        compressed?.traffic = DirectionTraffic()
        return taken
    }

    mutating func receive(_ bytes: ByteBuffer) {
        guard intake != .ignore, bytes.readableBytes > 0 else { return }
        let unfinished = beginUnfinished()
        guard unfinished.input != nil else {
            unfinished.input = bytes
            return
        }
        unfinished.waiting.append(bytes)
    }

    /// Keeps no more memory than the bytes that it holds.
    func letGoOfSharedMemory() { unfinished?.letGoOfSharedMemory() }

    /// Drops what is waiting and whatever still comes.
    mutating func ignoreRest() {
        intake = .ignore
        if let unfinished {
            unfinished.input = nil
            unfinished.inputIsCut = false
            unfinished.waiting = []
            unfinished.deferred = nil
        }
        compressed?.transcoding = nil
        compressed?.zlib.releaseAll()
    }

    /// The destination takes nothing more: only the source's Close is of interest now.
    mutating func awaitClose() {
        guard intake == .relay else { return }
        intake = .awaitClose
        if case .transcode? = unfinished?.deferred { unfinished?.deferred = nil }
        // All of it has arrived, and only its end was still to be written.
        if let transcoding, transcoding.phase != .payload { message = nil }
        compressed?.transcoding = nil
        compressed?.zlib.releaseAll()
        message?.treatment = .dropped
    }

    /// Whether a chunk may go through `pass`: nothing is before it.
    var mayPass: Bool {
        guard intake == .relay else { return false }
        guard let unfinished else { return true }
        return unfinished.deferred == nil && unfinished.input == nil
    }

    /// What `receive` and a first step do, where nothing is before the chunk and no boundary is asked for.
    ///
    /// - Returns: how many bytes from the beginning of the chunk go on as they are. The rest is held.
    mutating func pass(_ chunk: ByteBuffer) -> Int {
        let forwarded = scanAndKeep(chunk, until: .never)
        isActive = false
        forgetFinished()
        return forwarded
    }

    mutating func step(until stop: RelayStop) -> RelayStep {
        defer { forgetFinished() }
        while true {
            if let event = unfinished?.deferred {
                unfinished?.deferred = nil
                if let step = perform(event, until: stop) { return step }
                continue
            }
            guard intake != .ignore, let chunk = takeInput() else { return .needsInput }
            let forwarded = scanAndKeep(chunk, until: stop)
            if forwarded == chunk.readableBytes { return .forward(chunk) }
            if forwarded > 0, let run = chunk.getSlice(at: chunk.readerIndex, length: forwarded) {
                return .forward(run)
            }
        }
    }

    /// Reads over a chunk, and keeps what is left of it; tells how much of it goes on.
    private mutating func scanAndKeep(_ chunk: ByteBuffer, until stop: RelayStop) -> Int {
        let whole = stop == .never ? chunk.withUnsafeReadableBytes { bytes in readOver(bytes) } : 0
        if whole > 0 { isActive = true }
        if whole == chunk.readableBytes { return whole }
        let scan = chunk.withUnsafeReadableBytes { bytes in self.scan(bytes, from: whole, until: stop) }
        if scan.consumed > 0 { isActive = true }
        if scan.consumed < chunk.readableBytes { keepRest(of: chunk, after: scan.consumed, event: scan.event) }
        switch scan.event {
        case .exhausted, .cut: break
        case .control, .transcode, .violation, .stopped: beginUnfinished().deferred = scan.event
        }
        return scan.forwarded
    }

    /// The bytes to read next; nil when there are none, or only a cut header.
    private mutating func takeInput() -> ByteBuffer? {
        guard let unfinished, let head = unfinished.input else { return nil }
        if !unfinished.inputIsCut {
            unfinished.takeWaiting()
            return head
        }
        guard !unfinished.waiting.isEmpty else { return nil }
        // At most 139 bytes of a cut header or control frame are put in front of the chunk that completes them.
        var joined = ByteBuffer()
        let next = unfinished.waiting.removeFirst()
        joined.reserveCapacity(head.readableBytes + next.readableBytes)
        joined.writeImmutableBuffer(head)
        joined.writeImmutableBuffer(next)
        unfinished.inputIsCut = false
        unfinished.takeWaiting()
        return joined
    }

    /// Puts what the scan has not used back in front of what is waiting.
    private mutating func keepRest(of chunk: ByteBuffer, after consumed: Int, event: ScanEvent) {
        guard let rest = chunk.getSlice(at: chunk.readerIndex + consumed, length: chunk.readableBytes - consumed) else {
            return
        }
        let unfinished = beginUnfinished()
        if let next = unfinished.input { unfinished.waiting.insert(next, at: 0) }
        unfinished.inputIsCut = event == .cut
        // Copying the few bytes of a cut header lets go of the chunk's storage.
        unfinished.input = unfinished.inputIsCut ? ByteBuffer(bytes: rest.readableBytesView) : rest
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
                beginUnfinished().deferred = .transcode
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
        guard let unfinished, var rest = unfinished.input,
            let frame = rest.readSlice(length: header.encodedLength + header.payloadLength)
        else { return nil }
        if rest.readableBytes > 0 { unfinished.input = rest } else { unfinished.takeWaiting() }
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
        let unfinished = beginUnfinished()
        var chunk = unfinished.input
        unfinished.input = nil
        let step = transcode(&chunk)
        if let chunk, chunk.readableBytes > 0 { unfinished.input = chunk } else { unfinished.takeWaiting() }
        switch step {
        case .needsInput:
            return nil
        case .frame(let bytes):
            if transcoding != nil { unfinished.deferred = .transcode }
            return .forward(bytes)
        case .violation(let violation):
            return fail(violation)
        }
    }

    // MARK: What lies apart

    private mutating func beginUnfinished() -> UnfinishedInput {
        if let unfinished { return unfinished }
        let begun = UnfinishedInput()
        unfinished = begun
        return begun
    }

    private mutating func forgetFinished() {
        if let unfinished, unfinished.isEmpty { self.unfinished = nil }
    }

    /// The data frame whose payload is arriving.
    var frame: FrameHeader? {
        get { unfinished?.frame }
        set { if let newValue { beginUnfinished().frame = newValue } else { unfinished?.frame = nil } }
    }

    /// How much of the frame's payload has been dealt with.
    var framePosition: Int {
        get { unfinished?.framePosition ?? 0 }
        set { unfinished?.framePosition = newValue }
    }

    /// The data message that is arriving.
    var message: MessageInFlight? {
        get { unfinished?.message }
        set { if let newValue { beginUnfinished().message = newValue } else { unfinished?.message = nil } }
    }
}
