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
    let rules: SessionRules
    let maskKeys: any MaskKeySource
    var fromClient: RelayDirection
    var fromServer: RelayDirection
    var client: LegState
    var server: LegState

    private let startedAt: NIODeadline
    /// When something came that was not the answer to the gateway's own ping.
    var lastActivity: NIODeadline
    /// nil: nothing has ended it.
    private var ending: SessionEnding?
    /// What is to be done besides moving bytes; empty on the way of a message.
    private(set) var actions: [SessionAction] = []
    private var hasFinished = false
    private var deadlineIsNew = false
    private var knowsOfIdleState = false

    /// - Parameters:
    ///   - rules: the route's.
    ///   - extensions: what each leg agreed on.
    ///   - zlib: where compression state is taken from and given back to.
    ///   - maskKeys: keys for the frames that the gateway itself makes for the server.
    ///   - route: sessions of one route compress a message that a server sends to many of them once; nil: this one
    ///     shares nothing.
    ///   - now: both handshakes are done.
    public init(
        rules: SessionRules, extensions: SessionExtensions, zlib: ZlibPool, maskKeys: any MaskKeySource,
        route: String? = nil, now: NIODeadline
    ) {
        self.rules = rules
        self.maskKeys = maskKeys
        fromClient = RelayDirection(
            source: .client, rules: rules, compression: extensions.compression(from: .client), pool: zlib,
            maskKeys: maskKeys)
        fromServer = RelayDirection(
            source: .server, rules: rules, compression: extensions.compression(from: .server), pool: zlib,
            maskKeys: maskKeys, route: route)
        client = LegState(now: now)
        server = LegState(now: now)
        startedAt = now
        lastActivity = now
    }

    var outcome: SessionOutcome? { ending?.outcome }
    var closeDeadline: NIODeadline? { ending?.deadline }
    var answersDue: NIODeadline? {
        get { ending?.answersDue }
        set { ending?.answersDue = newValue }
    }
    var lingersUntil: NIODeadline? {
        get { ending?.lingersUntil }
        set { ending?.lingersUntil = newValue }
    }

    var lifetimeEnd: NIODeadline { startedAt + rules.maxLifetime }

    // MARK: Inputs

    /// Bytes came from that leg's peer.
    public mutating func receive(_ bytes: ByteBuffer, from leg: Leg, now: NIODeadline) {
        // Both legs are named: the subscript would copy the state of one.
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
            fromServer.compressed?.zlib.received(now: now)
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
        } else if self[leg].incoming != .lost {
            self[leg].incoming = .closed
        }
        self[leg].hasEndedWriting = true
        self[leg].pendingClose = nil
        // What is meant for it is thrown away at once: a peer that reads only once it could send would wait for ever.
        stopFeeding(leg)
    }

    /// That leg's transport has passed its high watermark (false), or fallen below its low one (true).
    public mutating func writabilityChanged(_ leg: Leg, isWritable: Bool, now: NIODeadline) {
        self[leg].setWritable(isWritable, now: now)
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
    public var isEnding: Bool { ending != nil }

    // MARK: Outputs

    /// The next thing to do; nil when there is nothing until the next input.
    public mutating func nextAction(now: NIODeadline) -> SessionAction? {
        while true {
            if !actions.isEmpty { return takeAction() }
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

    /// There are only a few at a time. The last one gives the room back.
    private mutating func takeAction() -> SessionAction {
        let action = actions.removeFirst()
        if actions.isEmpty { actions = [] }
        return action
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
        if let ending { return ending.nextDeadline }
        var deadline = min(client.keepAliveDeadline(rules), server.keepAliveDeadline(rules))
        if rules.idleTimeout > .zero { deadline = min(deadline, lastActivity + rules.idleTimeout) }
        if rules.maxLifetime > .zero { deadline = min(deadline, lifetimeEnd) }
        if holdsIdleState { deadline = min(deadline, lastActivity + Self.idleStateLifetime) }
        return deadline
    }

    /// Whether `nextDeadline` has come nearer than it was; once.
    public mutating func takeDeadlineIsNew() -> Bool {
        defer { deadlineIsNew = false }
        return deadlineIsNew
    }

    /// Whether a Close is on its way or a side has gone.
    public var isClosing: Bool { ending != nil }

    /// Whether anything went either way since it was last taken.
    public var hasTraffic: Bool { fromClient.hasTraffic || fromServer.hasTraffic }

    /// What went from that leg's peer to the other since it was last asked, in a session without compression.
    public mutating func takePassed(from leg: Leg) -> PassedTraffic {
        switch leg {
        case .client: fromClient.takePassed()
        case .server: fromServer.takePassed()
        }
    }

    /// What went from that leg's peer to the other since it was last asked.
    public mutating func takeTraffic(from leg: Leg) -> DirectionTraffic {
        switch leg {
        case .client: fromClient.takeTraffic()
        case .server: fromServer.takeTraffic()
        }
    }

    /// Bytes from that leg's peer that are held now, as they came or rewritten: those that the other leg could not take
    /// yet, and the beginning of a header or of a message being rewritten.
    public func heldBytes(from leg: Leg) -> Int { leg == .client ? fromClient.heldBytes : fromServer.heldBytes }

    /// Keeps no more memory than the bytes that are held: at the end of a turn, for input whose memory is shared.
    public mutating func letGoOfSharedMemory() {
        fromClient.letGoOfSharedMemory()
        fromServer.letGoOfSharedMemory()
    }

    /// Bytes of zlib state held now.
    public var zlibMemory: Int { fromClient.zlibMemory + fromServer.zlibMemory }

    // MARK: Inside

    /// Whether anything is due but moving bytes; on the way of a message there is not.
    var needsSettling: Bool {
        ending != nil || client.pingIsDue || server.pingIsDue || client.incoming != .open || server.incoming != .open
    }

    subscript(leg: Leg) -> LegState {
        _read { if leg == .client { yield client } else { yield server } }
        _modify { if leg == .client { yield &client } else { yield &server } }
    }

    mutating func emit(_ action: SessionAction) { actions.append(action) }

    mutating func noteNewDeadline() { deadlineIsNew = true }

    mutating func watchIdleState() {
        guard fromClient.compressed != nil || fromServer.compressed != nil else { return }
        let holds = holdsIdleState
        if holds && !knowsOfIdleState { deadlineIsNew = true }
        knowsOfIdleState = holds
    }

    /// Notes how the session ends, and by when.
    mutating func begin(_ outcome: SessionOutcome, until deadline: NIODeadline) {
        if let ending { ending.deadline = deadline } else { ending = SessionEnding(outcome, deadline: deadline) }
        deadlineIsNew = true
    }

    mutating func finish() {
        hasFinished = true
        fromClient.ignoreRest()
        fromServer.ignoreRest()
        emit(.finished(outcomeSoFar))
    }
}
