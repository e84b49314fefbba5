import NIOCore
import WebSocketCore

// How sessions end (RFC 6455 §7): who gets which Close, when it can be written, and when the transports go.
//
// A Close goes out only between two frames of its direction. Where a frame has been begun and will never be finished,
// the leg is broken off instead, which the peer sees as 1006 behind everything that was written before.
extension GatewaySession {
    private var closeTimeout: TimeAmount { rules.closeTimeout }

    /// A peer's Close: passed on as it is, code and reason; or the answer to one that went to it.
    mutating func closeArrived(from leg: Leg, frame: ByteBuffer, payload: ClosePayload, now: NIODeadline) {
        self[leg].closeReceived = true
        self[leg].pingIsDue = false
        if outcome == nil {
            let code = payload.code ?? .noStatusReceived
            begin(
                SessionOutcome(
                    closer: leg == .client ? .client : .server, code: code.rawValue, reason: payload.reason),
                until: now + closeTimeout)
        }
        hurryCloses()
        if self[leg.other].takesFrames && self[leg.other].pendingClose == nil {
            emit(.writeClose(frame, to: leg.other))
            self[leg.other].closeSent = true
            completeIfAgreed(leg.other, now: now)
        }
        completeIfAgreed(leg, now: now)
    }

    /// Both Closes of a leg are through, or no second one can come. The server of a connection closes TCP first
    /// (RFC 6455 §7.1.1): on the client's leg that is the gateway; on the server's leg the server is waited for.
    private mutating func completeIfAgreed(_ leg: Leg, now: NIODeadline) {
        guard self[leg].closeSent, self[leg].closeReceived || self[leg].endIsHandled else { return }
        if leg == .client || self[leg].incoming != .open { end(leg) }
        guard self[leg.other].closeSent, self[leg.other].closeReceived else { return }
        // Nothing is left to be said: the transports' ends are not waited for as long as a Close.
        lingersUntil = now + Self.lingerTime
        noteNewDeadline()
    }

    private static var lingerTime: TimeAmount { .seconds(1) }

    var outcomeSoFar: SessionOutcome {
        outcome ?? SessionOutcome(closer: .gateway, code: CloseCode.abnormalClosure.rawValue, reason: "")
    }

    private mutating func end(_ leg: Leg) {
        guard !self[leg].hasEndedWriting, !self[leg].isDropped else { return }
        guard self[leg].closeSent || isAtFrameBoundary(to: leg) else {
            // The source went inside a frame after it was known how the session ends.
            breakOff(leg)
            return
        }
        self[leg].hasEndedWriting = true
        self[leg].pendingClose = nil
        stopFeeding(leg)
        emit(.end(leg))
    }

    /// A frame to that leg was begun and is never finished. The frames before it may still wait for the peer to take them,
    /// so its transport does not go at once.
    private mutating func breakOff(_ leg: Leg) {
        guard !self[leg].hasEndedWriting, !self[leg].isDropped else { return }
        giveUp(leg)
        emit(.breakOff(leg))
    }

    mutating func drop(_ leg: Leg) {
        guard !self[leg].isDropped else { return }
        self[leg].isDropped = true
        giveUp(leg)
        emit(.drop(leg))
    }

    /// Nothing more goes to that leg, and what comes from it is thrown away.
    private mutating func giveUp(_ leg: Leg) {
        self[leg].hasEndedWriting = true
        self[leg].pendingClose = nil
        if leg == .client { fromClient.ignoreRest() } else { fromServer.ignoreRest() }
        stopFeeding(leg)
        hurryCloses()
    }

    /// That leg takes nothing more; of the other one only the Close is still of interest.
    mutating func stopFeeding(_ leg: Leg) {
        if leg == .client { fromServer.awaitClose() } else { fromClient.awaitClose() }
    }

    /// How long the Close to a peer that broke a rule waits for the other side's.
    private static var answerTime: TimeAmount { .milliseconds(250) }

    /// A peer broke a rule: it gets the code, the other side 1001.
    ///
    /// The other side still has an answer to make to what came before the violation, and a Close to answer ours with;
    /// what it sends until then, within `answerTime`, is delivered, as an endpoint would have sent it before it read on.
    /// The offender is not read any more (RFC 6455 §7.1.7).
    mutating func violated(by leg: Leg, _ violation: ProtocolViolation, now: NIODeadline) {
        begin(
            SessionOutcome(closer: .gateway, code: violation.closeCode.rawValue, reason: violation.reason),
            until: now + closeTimeout)
        hurryCloses()
        guard self[leg].takesFrames else {
            // Its Close had gone out already: there is nothing more to tell it.
            end(leg)
            return
        }
        sayGoodbye(to: leg.other, code: .goingAway, reason: "the other side broke a rule")
        let otherMayAnswer = intake(from: leg.other) == .relay && self[leg.other].incoming != .lost
        self[leg].pendingClose = .init(
            payload: ClosePayload(code: violation.closeCode, reason: violation.reason),
            at: otherMayAnswer ? .never : .frameBoundary, endsLeg: true)
        if otherMayAnswer { answersDue = min(now + Self.answerTime, closeDeadline ?? .distantFuture) }
    }

    /// One side is through, and no longer sends what a Close might wait for: it goes out between two frames.
    mutating func hurryCloses() {
        answersDue = nil
        for leg in Leg.allCases where self[leg].pendingClose != nil { self[leg].pendingClose?.at = .frameBoundary }
    }

    private mutating func sayGoodbye(to leg: Leg, code: CloseCode, reason: String) {
        guard self[leg].takesFrames, self[leg].pendingClose == nil else { return }
        self[leg].pendingClose = .init(
            payload: ClosePayload(code: code, reason: reason), at: .frameBoundary, endsLeg: false)
    }

    /// A peer that is gone without a Close: the other one learns of it.
    mutating func vanished(_ leg: Leg, why: String, now: NIODeadline) {
        if outcome == nil {
            begin(
                SessionOutcome(
                    closer: leg == .client ? .client : .server, code: CloseCode.abnormalClosure.rawValue, reason: why),
                until: now + closeTimeout)
        }
        drop(leg)
        sayGoodbye(to: leg.other, code: leg == .server ? .internalError : .goingAway, reason: why)
    }

    /// What can be done once no more bytes can be moved: Closes and pings at their boundaries, ends of transports.
    mutating func settle(now: NIODeadline) {
        for leg in Leg.allCases { handleEnd(of: leg, now: now) }
        writePendingCloses(now: now)
        for leg in Leg.allCases where self[leg].pingIsDue { writePing(to: leg, now: now) }
        // A transport that both sides have ended goes by itself, once its peer has taken what it was given.
        for leg in Leg.allCases where self[leg].endIsHandled && self[leg].incoming.isGone { drop(leg) }
        if client.isDropped && server.isDropped { finish() }
    }

    private mutating func handleEnd(of leg: Leg, now: NIODeadline) {
        let state = self[leg]
        guard state.incoming != .open, !state.endIsHandled, !state.isDropped else { return }
        let direction = leg == .client ? DirectionEnd(fromClient) : DirectionEnd(fromServer)
        // What it sent before it went is delivered first.
        guard direction.isDone || !self[leg.other].takesFrames else { return }
        self[leg].endIsHandled = true
        hurryCloses()
        let isBroken = state.incoming == .lost || direction.isInsideMessage
        if outcome == nil, isBroken {
            let what = state.incoming == .lost ? "connection was reset" : "connection ended inside a message"
            vanished(leg, why: "\(leg == .client ? "client" : "server") \(what)", now: now)
            return
        }
        if outcome == nil {
            begin(
                SessionOutcome(
                    closer: leg == .client ? .client : .server, code: CloseCode.abnormalClosure.rawValue,
                    reason: "connection ended without a Close"), until: now + closeTimeout)
        }
        if state.incoming == .lost { drop(leg) }
        if self[leg.other].pendingClose == nil && !self[leg.other].closeSent {
            end(leg.other)
        } else if self[leg.other].closeSent && self[leg.other].closeReceived {
            end(leg.other)
        }
        if self[leg].closeSent || self[leg.other].hasEndedWriting && self[leg.other].endIsHandled { end(leg) }
    }

    private struct DirectionEnd {
        var isDone: Bool
        var isInsideMessage: Bool

        init(_ direction: borrowing RelayDirection) {
            isDone = direction.intake == .ignore || direction.isDrained
            isInsideMessage = direction.intake == .relay && !direction.sourceIsBetweenMessages
        }
    }

    private mutating func writePendingCloses(now: NIODeadline) {
        // A Close that waits for messages to end goes to both sides at once, when both are through.
        let messagesAreThrough = fromClient.isAtMessageBoundary && fromServer.isAtMessageBoundary
        for leg in Leg.allCases {
            guard let pending = self[leg].pendingClose else { continue }
            let isAtFrameBoundary = isAtFrameBoundary(to: leg)
            let sourceIsDone = self[leg.other].endIsHandled || intake(from: leg.other) == .ignore
            switch pending.at {
            case .never:
                break
            case .messageBoundary where messagesAreThrough, .frameBoundary where isAtFrameBoundary:
                write(pending, to: leg, now: now)
            case .frameBoundary where sourceIsDone:
                // The frame that was begun will never be finished.
                breakOff(leg)
            case .messageBoundary, .frameBoundary:
                break
            }
        }
    }

    func isAtFrameBoundary(to leg: Leg) -> Bool {
        leg == .client ? fromServer.isAtFrameBoundary : fromClient.isAtFrameBoundary
    }

    private func intake(from leg: Leg) -> RelayIntake { leg == .client ? fromClient.intake : fromServer.intake }

    private mutating func write(_ pending: LegState.PendingClose, to leg: Leg, now: NIODeadline) {
        self[leg].pendingClose = nil
        guard self[leg].takesFrames else { return }
        var payload = ByteBuffer()
        pending.payload.encode(into: &payload)
        emit(.writeClose(controlFrame(.close, payload: payload, to: leg), to: leg))
        self[leg].closeSent = true
        self[leg].pingIsDue = false
        begin(outcomeSoFar, until: now + closeTimeout)
        stopFeeding(leg)
        if pending.endsLeg { end(leg) } else { completeIfAgreed(leg, now: now) }
    }

    /// A control frame of the gateway's own (RFC 6455 §5.5): masked on its way to the server.
    func controlFrame(_ opcode: Opcode, payload: ByteBuffer, to leg: Leg) -> ByteBuffer {
        let key = leg == .server ? maskKeys.nextMaskKey() : nil
        let header = FrameHeader(
            fin: true, rsv1: false, opcode: opcode, maskKey: key, payloadLength: payload.readableBytes)
        var payload = payload
        if let key {
            payload.withUnsafeMutableReadableBytes { key.apply(to: $0, offset: 0) }
        }
        var frame = ByteBuffer()
        frame.reserveCapacity(header.encodedLength + payload.readableBytes)
        header.encode(into: &frame)
        frame.writeBuffer(&payload)
        return frame
    }

    /// Time for the closing handshake is up: whoever waits is told what can still be told, then everything goes.
    mutating func cut(now: NIODeadline) {
        for leg in Leg.allCases where !self[leg].isDropped {
            guard isAtFrameBoundary(to: leg) || self[leg].closeSent else {
                drop(leg)
                continue
            }
            if let pending = self[leg].pendingClose {
                write(pending, to: leg, now: now)
            } else if self[leg].closeReceived, self[leg].takesFrames, let outcome {
                // The other side never answered: its Close is answered here.
                let code = CloseCode(rawValue: outcome.code)
                let payload = ClosePayload(code: code.isValidOnWire ? code : nil, reason: "")
                write(.init(payload: payload, at: .frameBoundary, endsLeg: true), to: leg, now: now)
            }
            end(leg)
            drop(leg)
        }
    }
}
