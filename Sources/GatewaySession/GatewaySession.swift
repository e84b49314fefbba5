public import GatewayConfig
public import NIOCore
public import PerMessageDeflate
import WebSocketCore

/// One proxied connection after both handshakes: bytes, events and time in, actions out. No I/O, no clock.
///
/// The driver calls an input (`receive`, `receivedEnd`, `lost`, `writabilityChanged`, `timeReached`, `close`), then
/// `nextAction` until it gives nil, then asks `wantsRead` for each leg. Work is done inside `nextAction`, one bounded
/// step at a time; a driver that sees a leg's transport filling up says so with `writabilityChanged` in between.
///
/// What is held at any moment is bounded: one chunk of input a leg (or what one read of a TLS leg gave), a cut header
/// of at most 139 bytes, 64 KiB of a message being rewritten, and zlib's state.
public struct GatewaySession: ~Copyable {
    let settings: SessionSettings
    var fromClient: RelayDirection
    var fromServer: RelayDirection
    var client: LegState
    var server: LegState
    let maskKeys: any MaskKeySource

    private let startedAt: NIODeadline
    /// When something came that was not the answer to the gateway's own ping.
    var lastActivity: NIODeadline
    /// How the session is ending, from the first event that ends it.
    var outcome: SessionOutcome?
    /// When what is left is cut.
    var closeDeadline: NIODeadline?
    /// Until when the Close to a peer that broke a rule waits for what the other side has begun.
    var answersDue: NIODeadline?
    private var hasFinished = false
    private var deadlineIsNew = false
    private var knowsOfIdleState = false
    private var actions = CircularBuffer<SessionAction>()

    /// - Parameters:
    ///   - settings: the route's.
    ///   - extensions: what each leg agreed on.
    ///   - zlib: where compression state is taken from and given back to.
    ///   - maskKeys: keys for the frames that the gateway itself makes for the server.
    ///   - route: sessions of one route compress a message that a server sends to many of them once; nil: this one
    ///     shares nothing.
    ///   - now: both handshakes are done.
    public init(
        settings: SessionSettings, extensions: SessionExtensions, zlib: ZlibPool, maskKeys: any MaskKeySource,
        route: String? = nil, now: NIODeadline
    ) {
        self.settings = settings
        self.maskKeys = maskKeys
        let up = extensions.compression(from: .client)
        let down = extensions.compression(from: .server)
        fromClient = RelayDirection(
            source: .client, settings: settings, compression: up,
            zlib: ZlibStates(pool: zlib, compression: up, settings: settings.compression), maskKeys: maskKeys)
        fromServer = RelayDirection(
            source: .server, settings: settings, compression: down,
            zlib: ZlibStates(pool: zlib, compression: down, settings: settings.compression, route: route),
            maskKeys: maskKeys)
        let keepAlive = KeepAlive(settings: settings, now: now)
        client = LegState(keepAlive: keepAlive)
        server = LegState(keepAlive: keepAlive)
        startedAt = now
        lastActivity = now
    }

    var lifetimeEnd: NIODeadline { startedAt + TimeAmount(settings.maxLifetime) }

    // MARK: Inputs

    /// Bytes came from that leg's peer.
    public mutating func receive(_ bytes: ByteBuffer, from leg: Leg, now: NIODeadline) {
        // Both legs are named: the subscript would copy the state of one, and this is done for each message.
        switch leg {
        case .client:
            client.keepAlive.received(now: now)
            fromClient.receive(bytes)
            if client.pingIsDue {
                client.pingIsDue = false
                deadlineIsNew = true
            }
        case .server:
            server.keepAlive.received(now: now)
            fromServer.zlib.received(now: now)
            fromServer.receive(bytes)
            if server.pingIsDue {
                server.pingIsDue = false
                deadlineIsNew = true
            }
        }
    }

    /// That leg's peer ended its sending half in order; everything it sent before has been given to `receive`.
    public mutating func receivedEnd(from leg: Leg) {
        guard self[leg].incoming == .open else { return }
        self[leg].incoming = .ended
    }

    /// That leg's transport is gone: nothing more comes or goes. `inOrder` when its peer ended it, and nothing broke.
    public mutating func lost(_ leg: Leg, inOrder: Bool = false) {
        if !inOrder {
            self[leg].incoming = .lost
        } else if self[leg].incoming == .open {
            self[leg].incoming = .ended
        }
        self[leg].hasEndedWriting = true
        self[leg].pendingClose = nil
        // What is meant for it is thrown away at once: a peer that reads only once it could send would wait for ever.
        stopFeeding(leg)
    }

    /// That leg's transport has passed its high watermark (false), or fallen below its low one (true).
    public mutating func writabilityChanged(_ leg: Leg, isWritable: Bool, now: NIODeadline) {
        if isWritable {
            self[leg].unwritableSince = nil
        } else if self[leg].unwritableSince == nil {
            self[leg].unwritableSince = now
        }
    }

    /// Ends the session on the gateway's own account: both peers get this Close once the messages in flight have
    /// passed, or are cut when that takes longer than `grace`.
    public mutating func close(_ payload: ClosePayload, grace: TimeAmount, now: NIODeadline) {
        guard outcome == nil else { return }
        begin(
            SessionOutcome(
                closer: .gateway, code: payload.code?.rawValue ?? CloseCode.noStatusReceived.rawValue,
                reason: payload.reason), until: now + grace)
        for leg in Leg.allCases where self[leg].takesFrames {
            self[leg].pendingClose = .init(payload: payload, at: .messageBoundary, endsLeg: false)
        }
    }

    /// Whether its end has begun: what that is has been decided.
    public var isEnding: Bool { outcome != nil }

    // MARK: Outputs

    /// The next thing to do; nil when there is nothing until the next input.
    public mutating func nextAction(now: NIODeadline) -> SessionAction? {
        while true {
            if let action = actions.popFirst() { return action }
            if hasFinished { return nil }
            if let action = step(.client, now: now) { return action }
            if let action = step(.server, now: now) { return action }
            if !actions.isEmpty { continue }
            if needsSettling { settle(now: now) }
            if actions.isEmpty {
                watchIdleState()
                return nil
            }
        }
    }

    /// Whether more bytes from that leg's peer are of use now. False while what came before can't go on.
    ///
    /// It changes nothing, and is `mutating` all the same: for a borrow the compiler copies the whole session out of its
    /// driver, which costs as much as scanning a small message does.
    public mutating func wantsRead(from leg: Leg) -> Bool {
        switch leg {
        case .client:
            guard client.incoming == .open, !client.isDropped else { return false }
            return Self.wantsRead(fromClient.intake, fromClient.isDrained, destinationIsWritable: server.isWritable)
        case .server:
            guard server.incoming == .open, !server.isDropped else { return false }
            return Self.wantsRead(fromServer.intake, fromServer.isDrained, destinationIsWritable: client.isWritable)
        }
    }

    private static func wantsRead(_ intake: RelayIntake, _ isDrained: Bool, destinationIsWritable: Bool) -> Bool {
        switch intake {
        case .ignore: true
        case .awaitClose: isDrained
        case .relay: isDrained && destinationIsWritable
        }
    }

    /// When `timeReached` is to be called, unless something happens before.
    public var nextDeadline: NIODeadline {
        if let closeDeadline { return min(closeDeadline, answersDue ?? .distantFuture) }
        var deadline = min(client.keepAliveDeadline, server.keepAliveDeadline)
        if settings.idleTimeout > .zero { deadline = min(deadline, lastActivity + TimeAmount(settings.idleTimeout)) }
        if settings.maxLifetime > .zero { deadline = min(deadline, lifetimeEnd) }
        if holdsIdleState { deadline = min(deadline, lastActivity + Self.idleStateLifetime) }
        return deadline
    }

    /// Whether `nextDeadline` has come nearer than it was; once.
    public mutating func takeDeadlineIsNew() -> Bool {
        defer { deadlineIsNew = false }
        return deadlineIsNew
    }

    /// Whether a Close is on its way or a side has gone.
    public var isClosing: Bool { outcome != nil }

    /// What went from that leg's peer to the other since it was last asked.
    public mutating func takeTraffic(from leg: Leg) -> DirectionTraffic {
        var traffic = DirectionTraffic()
        switch leg {
        case .client: swap(&traffic, &fromClient.traffic)
        case .server: swap(&traffic, &fromServer.traffic)
        }
        return traffic
    }

    /// Bytes from that leg's peer that are held now, as they came or rewritten: those that the other leg could not take
    /// yet, and the beginning of a header or of a message being rewritten.
    public func heldBytes(from leg: Leg) -> Int { leg == .client ? fromClient.heldBytes : fromServer.heldBytes }

    /// Bytes of zlib state held now.
    public var zlibMemory: Int { fromClient.zlib.memory + fromServer.zlib.memory }

    // MARK: Inside

    /// Whether anything is due but moving bytes; on the way of a message there is not.
    private var needsSettling: Bool {
        outcome != nil || client.pingIsDue || server.pingIsDue || client.incoming != .open || server.incoming != .open
    }

    subscript(leg: Leg) -> LegState {
        _read { if leg == .client { yield client } else { yield server } }
        _modify { if leg == .client { yield &client } else { yield &server } }
    }

    mutating func emit(_ action: SessionAction) { actions.append(action) }

    mutating func noteNewDeadline() { deadlineIsNew = true }

    private mutating func watchIdleState() {
        let holds = holdsIdleState
        if holds && !knowsOfIdleState { deadlineIsNew = true }
        knowsOfIdleState = holds
    }

    /// Notes how the session ends, and by when.
    mutating func begin(_ outcome: SessionOutcome, until deadline: NIODeadline) {
        if self.outcome == nil { self.outcome = outcome }
        closeDeadline = deadline
        deadlineIsNew = true
    }

    mutating func finish() {
        hasFinished = true
        fromClient.ignoreRest()
        fromServer.ignoreRest()
        emit(.finished(outcomeSoFar))
    }

    private mutating func step(_ source: Leg, now: NIODeadline) -> SessionAction? {
        let result: RelayStep
        switch source {
        case .client:
            guard mayStep(fromClient, destinationIsWritable: server.isWritable) else { return nil }
            result = fromClient.step(until: server.closeStop)
            if fromClient.takeIsActive() { lastActivity = now }
            if fromClient.relayedPings | fromClient.relayedPongs != 0 { countRelayedControls() }
        case .server:
            guard mayStep(fromServer, destinationIsWritable: client.isWritable) else { return nil }
            result = fromServer.step(until: client.closeStop)
            if fromServer.takeIsActive() { lastActivity = now }
            if fromServer.relayedPings | fromServer.relayedPongs != 0 { countRelayedControls() }
        }
        switch result {
        case .forward(let bytes):
            return .write(bytes, to: source.other)
        case .needsInput, .stopped:
            return nil
        case .pong(let frame, let payload):
            let isOurs = self[source].keepAlive.swallows(pong: payload)
            watchPongs()
            // The answer to the gateway's own ping is no traffic: it does not keep an idle connection open.
            if !isOurs { lastActivity = now }
            guard !isOurs, self[source.other].takesFrames else { return step(source, now: now) }
            return .write(frame, to: source.other)
        case .close(let frame, let payload):
            closeArrived(from: source, frame: frame, payload: payload, now: now)
        case .violation(let violation):
            violated(by: source, violation, now: now)
        }
        return nil
    }

    private func mayStep(_ direction: borrowing RelayDirection, destinationIsWritable: Bool) -> Bool {
        switch direction.intake {
        case .ignore: false
        case .awaitClose: true
        case .relay: destinationIsWritable
        }
    }

    private mutating func countRelayedControls() {
        server.keepAlive.relayed(pings: fromClient.relayedPings)
        client.keepAlive.relayed(pongs: fromClient.relayedPongs)
        client.keepAlive.relayed(pings: fromServer.relayedPings)
        server.keepAlive.relayed(pongs: fromServer.relayedPongs)
        fromClient.relayedPings = 0
        fromClient.relayedPongs = 0
        fromServer.relayedPings = 0
        fromServer.relayedPongs = 0
    }

    mutating func watchPongs() {
        fromClient.handsUpPongs = client.keepAlive.awaitsPong
        fromServer.handsUpPongs = server.keepAlive.awaitsPong
    }
}
