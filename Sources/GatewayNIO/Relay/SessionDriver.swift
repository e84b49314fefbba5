import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import Logging
import NIOCore
import PerMessageDeflate
import WebSocketCore

/// Carries out what a `GatewaySession` decides: moves bytes between the transports of its two legs, on their event loop.
///
/// Writes are flushed once for all that a read produced, or when 64 KiB have gathered, so that the transport's
/// watermarks are told of in time.
final class SessionDriver {
    /// How long a session with compression works before the others of its loop have their turn: few bytes of it may
    /// inflate to very many.
    private static let turn = TimeAmount.milliseconds(5)

    let id: SessionID
    let info: SessionInfo
    private var session: GatewaySession
    private var client = LegOfDriver()
    private var server = LegOfDriver()
    private var isStarted = false
    private var isPumping = false
    private var mustPumpAgain = false
    /// Its turn was over with work left.
    private var awaitsTurn = false
    private var zlibMemory = 0
    private var wakeAt = NIODeadline.distantFuture
    private var totals = (fromClient: DirectionTotals(), fromServer: DirectionTotals())

    init(id: SessionID, info: SessionInfo, session: consuming GatewaySession) {
        self.id = id
        self.info = info
        self.session = session
    }

    // MARK: What the legs' handlers report

    func attach(_ transport: any LegTransport, as leg: Leg) {
        self[leg].transport = transport
    }

    /// Both legs carry nothing but frames now. What came before has waited.
    func start() {
        isStarted = true
        pump()
        flush()
        schedule()
    }

    /// One of the legs was gone before there was anything to relay.
    func abandon() {
        for leg in Leg.allCases {
            self[leg].transport?.drop()
            closed(leg, inOrder: false)
        }
        start()
    }

    /// A read was asked for before this driver had the channel.
    func oweRead(_ leg: Leg) { self[leg].owesRead = true }

    /// - Parameter now: where a read has brought bytes for many sessions, they have the clock read once.
    func read(_ bytes: ByteBuffer, from leg: Leg, now: NIODeadline = .now()) {
        guard isStarted, !isPumping, !awaitsTurn else {
            session.receive(bytes, from: leg, now: now)
            pump(now: now)
            return
        }
        guard session.relays(bytes, from: leg, now: now) else { return pump(now: now) }
        write(bytes, to: leg.other, now: now)
        if session.takeDeadlineIsNew() { schedule() }
    }

    func readComplete() { flush() }

    func writabilityChanged(_ leg: Leg, isWritable: Bool) {
        session.writabilityChanged(leg, isWritable: isWritable, now: .now())
        if isWritable {
            pump()
            flush()
        }
    }

    func ended(_ leg: Leg) {
        session.receivedEnd(from: leg)
        pump()
        flush()
    }

    /// The transport is gone; `inOrder` when nothing but the peer's orderly end has closed it.
    func closed(_ leg: Leg, inOrder: Bool) {
        self[leg].transport = nil
        session.lost(leg, inOrder: inOrder)
        pump()
        flush()
    }

    /// Whether the channel may be read now; if not, it is read as soon as the session wants more.
    func mayRead(_ leg: Leg) -> Bool {
        if isStarted, session.wantsRead(from: leg) { return true }
        self[leg].owesRead = true
        return false
    }

    func deadlineReached(now: NIODeadline) {
        guard now >= wakeAt else { return }
        wakeAt = .distantFuture
        session.timeReached(now: now, bytesWait: Leg.allCases.contains { (self[$0].transport?.waitingBytes ?? 0) > 0 })
        pump()
        flush()
        schedule()
    }

    /// Ends the session with this Close once the messages in flight are through, or when `grace` is over.
    func close(_ payload: ClosePayload, grace: TimeAmount) {
        session.close(payload, grace: grace, now: .now())
        pump()
        flush()
    }

    /// Ends the session because of what a configuration has changed.
    func restart(_ fate: ChangeAction, settings: DrainConfiguration) {
        let grace = fate == .close ? GatewayServer.leastGrace : TimeAmount(settings.timeout)
        close(
            ClosePayload(code: CloseCode(rawValue: settings.code), reason: "configuration changed"), grace: grace)
    }

    /// Its end has begun.
    var isEnding: Bool { session.isEnding }

    /// The session as it is now.
    ///
    /// - Parameter now: what its age is told at.
    func snapshot(at now: NIODeadline) -> ConnectionSnapshot {
        count()
        return info.snapshot(
            id: id, at: now, fromClient: totals.fromClient, fromServer: totals.fromServer,
            shared: (client.transport?.sharedConnection, server.transport?.sharedConnection),
            queue: queue)
    }

    /// What a list is sorted by.
    func sortKey(_ sort: ConnectionSort, at now: NIODeadline) -> ConnectionSort.Key {
        if let key = info.sortKey(sort) { return key }
        if sort == .queue {
            let queue = queue
            return .number(Double(queue.toClient &+ queue.toServer))
        }
        count()
        let bytes = Double(totals.fromClient.bytes &+ totals.fromServer.bytes)
        switch sort {
        case .messages: return .number(Double(totals.fromClient.messages &+ totals.fromServer.messages))
        case .rate: return .number(bytes / max(info.age(at: now), 0.001))
        default: return .number(bytes)
        }
    }

    /// Bytes that wait for either side.
    private var queue: ConnectionSnapshot.Queue {
        .init(
            toClient: session.heldBytes(from: .server) + (client.transport?.waitingBytes ?? 0),
            toServer: session.heldBytes(from: .client) + (server.transport?.waitingBytes ?? 0))
    }

    // MARK: Carrying out

    /// Goes on with what was left when its last turn was over.
    func turnHasCome() {
        awaitsTurn = false
        pump()
        flush()
    }

    private func pump() { pump(now: .now()) }

    private func pump(now: NIODeadline) {
        guard isStarted, !awaitsTurn else { return }
        guard !isPumping else {
            mustPumpAgain = true
            return
        }
        isPumping = true
        repeat {
            mustPumpAgain = false
            while !awaitsTurn, let action = session.nextAction(now: now) {
                perform(action, now: now)
                if info.isCompressed, NIODeadline.now() - now >= Self.turn {
                    awaitsTurn = true
                    info.loop.giveTurnLater(id)
                }
            }
        } while mustPumpAgain && !awaitsTurn
        isPumping = false
        if session.takeDeadlineIsNew() { schedule() }
    }

    private func perform(_ action: SessionAction, now: NIODeadline) {
        switch action {
        case .write(let bytes, let leg):
            write(bytes, to: leg, now: now)
        case .writeClose(let bytes, let leg):
            _ = wrote(bytes.readableBytes, to: leg)
            self[leg].transport?.writeClose(bytes)
        case .end(let leg):
            flush(leg)
            self[leg].transport?.endWriting()
        case .breakOff(let leg):
            flush(leg)
            self[leg].transport?.breakOff()
        case .drop(let leg):
            flush(leg)
            self[leg].transport?.drop()
        case .finished(let outcome):
            finish(outcome)
        }
    }

    private func write(_ bytes: ByteBuffer, to leg: Leg, now: NIODeadline) {
        guard let transport = leg == .client ? client.transport : server.transport else { return }
        // Counted before, as what the write sets off may write as well.
        let isMuch = wrote(bytes.readableBytes, to: leg)
        transport.write(bytes)
        guard isMuch else { return }
        flush(leg)
        session.writabilityChanged(leg, isWritable: transport.isWritable, now: now)
    }

    private func wrote(_ count: Int, to leg: Leg) -> Bool {
        leg == .client ? client.wrote(count) : server.wrote(count)
    }

    /// The end of a turn: what was written is sent, what has passed is counted, and what was not read yet is.
    private func flush() {
        guard isStarted else { return }
        count()
        flush(.client)
        flush(.server)
        session.letGoOfSharedMemory()
        if client.owesRead { resumeReads(.client) }
        if server.owesRead { resumeReads(.server) }
    }

    private func flush(_ leg: Leg) {
        let transport = leg == .client ? client.takeUnflushed() : server.takeUnflushed()
        transport?.flush()
    }

    private func resumeReads(_ leg: Leg) {
        guard self[leg].owesRead, session.wantsRead(from: leg) else { return }
        self[leg].owesRead = false
        self[leg].transport?.read()
    }

    private func schedule() {
        let deadline = session.nextDeadline
        guard deadline < wakeAt else { return }
        wakeAt = deadline
        info.loop.wake(id, at: deadline)
    }

    private func count() {
        guard info.isCompressed else { return countPassed() }
        if session.hasTraffic {
            let up = session.takeTraffic(from: .client)
            totals.fromClient.add(up)
            info.counters.count(fromClient: up)
            let down = session.takeTraffic(from: .server)
            totals.fromServer.add(down)
            info.counters.count(fromServer: down)
        }
        let memory = session.zlibMemory
        if memory != zlibMemory {
            info.counters.compressionMemory.add(memory - zlibMemory)
            zlibMemory = memory
        }
    }

    /// Without compression nothing is ever inflated or compressed.
    private func countPassed() {
        let up = session.takePassed(from: .client)
        if !up.isEmpty {
            totals.fromClient.add(up)
            info.counters.count(fromClient: up)
        }
        let down = session.takePassed(from: .server)
        if !down.isEmpty {
            totals.fromServer.add(down)
            info.counters.count(fromServer: down)
        }
    }

    private func finish(_ outcome: SessionOutcome) {
        count()
        info.ended(outcome, fromClient: totals.fromClient, fromServer: totals.fromServer)
        info.loop.remove(id)
    }

    private subscript(leg: Leg) -> LegOfDriver {
        _read { if leg == .client { yield client } else { yield server } }
        _modify { if leg == .client { yield &client } else { yield &server } }
    }
}
