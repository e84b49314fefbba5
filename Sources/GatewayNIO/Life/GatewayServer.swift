public import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import Logging
import NIOCore
public import SocketTransport
import Synchronization
import WebSocketCore

/// The data path of a running gateway: its event loops, and the generation, the listeners and the sessions on them.
public final class GatewayServer: Sendable {
    public let process: ProcessState
    let loops: [LoopHandle]
    private let state: Mutex<State>
    private let upkeep: Task<Void, Never>
    private let healthChecks: HealthChecks

    private struct State {
        var generation: Generation
        var listeners: Listeners
    }

    /// How many connections may wait in each listening socket.
    public static let backlog: Int32 = 4096

    /// Returns when every event loop has had a turn.
    public func waitForLoops() async {
        for loop in loops { try? await loop.eventLoop.submit {}.get() }
    }

    /// Opens every listener.
    ///
    /// - Parameters:
    ///   - inherited: sockets of a predecessor, or of whatever started the process, by listener.
    ///   - waits: whether nothing is accepted on these before `beginAccepting()`.
    /// - Throws: `ListenerError` for the first one that can't be opened; those before it are closed again.
    public static func start(
        _ generation: Generation, process: ProcessState, inherited: [String: ListeningDescriptors] = [:],
        waits: Bool = false, group: SocketEventLoopGroup
    ) async throws -> GatewayServer {
        var loops: [LoopHandle] = []
        for (index, eventLoop) in group.loops.enumerated() {
            let context = try await eventLoop.submit {
                eventLoop.limitHandshakes(by: generation)
                return NIOLoopBound(
                    LoopContext(process: process, generation: generation, eventLoop: eventLoop, index: index),
                    eventLoop: eventLoop)
            }.get()
            eventLoop.execute { LoopLag(context.value.counters, eventLoop: eventLoop).watch() }
            loops.append(LoopHandle(eventLoop: eventLoop, context: context))
        }
        var listeners = Listeners()
        let change = try await listeners.prepare(
            generation, inherited: inherited, waits: waits, loops: loops, logger: process.logger)
        _ = listeners.apply(change, logger: process.logger)
        generation.comeIntoForce(in: process)
        return GatewayServer(
            process: process, loops: loops, state: State(generation: generation, listeners: listeners))
    }

    private init(process: ProcessState, loops: [LoopHandle], state: consuming State) {
        self.process = process
        self.loops = loops
        let current = CurrentGeneration(state.generation)
        self.current = current
        self.state = Mutex(state)
        let eventLoop = loops[0].eventLoop
        let checks = HealthChecks(eventLoop: eventLoop, logger: process.logger)
        healthChecks = checks
        checks.follow { current.value }
        upkeep = Task {
            await Upkeep(eventLoop: eventLoop, logger: process.logger).run({ current.value }) {
                checks.follow { current.value }
                for loop in loops { loop.eventLoop.execute { loop.context.value.serversChanged() } }
            }
        }
    }

    private let current: CurrentGeneration

    /// The one in force.
    public var generation: Generation { current.value }

    /// Addresses as bound, by listener name.
    public var addresses: [(name: String, address: Address)] {
        state.withLock { $0.listeners.open }.map { ($0.configuration.name, $0.boundAddress) }
    }

    /// The listeners, by name.
    public var listening: [(name: String, sockets: ListeningDescriptors)] {
        state.withLock { $0.listeners.open }.map { ($0.configuration.name, $0.sockets.descriptors) }
    }

    /// A predecessor no longer accepts: this process does.
    public func beginAccepting() async {
        for listener in state.withLock({ $0.listeners.open }) { await listener.sockets.begin() }
    }

    /// A successor accepts on the same sockets: this process no longer does. Whoever was accepted before is served.
    public func leaveToSuccessor() async {
        for listener in state.withLock({ $0.listeners.open }) { await listener.sockets.stop(leavesFile: true) }
    }

    /// Stops accepting and ends every session: each peer gets a Close between two messages, spread over
    /// `drain.spread`. Returns when the last one has ended, or `drain.timeout` is over, and no command runs any more.
    ///
    /// - Parameter refusesHandshakes: whether those whose handshake is under way get 503. With a successor there is no
    ///   need: they get their WebSocket, and its Close.
    public func drain(refusesHandshakes: Bool = true) async {
        let settings = generation.configuration.drain
        if refusesHandshakes { process.admission.startDraining() }
        let deadline = NIODeadline.now() + TimeAmount(settings.timeout)
        for listener in state.withLock({ $0.listeners.open }) { await listener.sockets.stop() }
        upkeep.cancel()
        healthChecks.stop()
        await withTaskGroup(of: Void.self) { group in
            for loop in loops {
                group.addTask { await LoopDrain.run(on: loop, settings: settings, deadline: deadline) }
            }
        }
        await process.commands.endAll()
    }

    // MARK: Another generation

    /// What becomes of the open WebSockets.
    public struct Fates: Equatable, Sendable {
        public var kept = 0
        /// Closed one after the other, spread over `drain.spread`.
        public var drained = 0
        /// Closed at once.
        public var closed = 0
    }

    /// What would become of the open WebSockets.
    public func fates(in difference: ConfigurationDifference) async -> Fates {
        var fates = Fates()
        for loop in loops {
            for (_, fate) in await Self.fates(on: loop, in: difference) { fates.count(fate) }
        }
        return fates
    }

    /// Puts a generation into force: its listeners are opened, handshakes that begin now are decided on by it, and
    /// sessions of routes and servers that it changes or lacks end as those say.
    ///
    /// One call at a time.
    ///
    /// - Parameter willFollow: called when nothing is left that could fail.
    /// - Throws: `ListenerError` for a listener that can't be opened; then nothing has changed.
    public func follow(
        _ next: Generation, difference: ConfigurationDifference, willFollow: () -> Void
    ) async throws -> Fates {
        let open = state.withLock { $0.listeners }
        let change = try await open.prepare(next, loops: loops, logger: process.logger)
        willFollow()
        let closing = state.withLock { state in
            state.generation = next
            return state.listeners.apply(change, logger: process.logger)
        }
        current.value = next
        healthChecks.follow { [current] in current.value }
        next.comeIntoForce(in: process)
        var fates = Fates()
        var toDrain: [Shedding.Target] = []
        var toClose: [Shedding.Target] = []
        for loop in loops {
            for (target, fate) in await Self.fates(on: loop, in: difference, following: next) {
                fates.count(fate)
                switch fate {
                case .keep: break
                case .drain: toDrain.append(target)
                case .close: toClose.append(target)
                }
            }
        }
        for listener in closing { await listener.sockets.stop() }
        let settings = next.configuration.drain
        let payload = ClosePayload(code: CloseCode(rawValue: settings.code), reason: "configuration changed")
        await Shedding(payload: payload, grace: Self.leastGrace).run(toClose, perSecond: nil)
        await shed(toDrain, payload, perSecond: nil, as: "reload", of: "")
        return fates
    }

    /// What sessions that are closed at once have for the message in flight.
    static let leastGrace = TimeAmount.seconds(1)

    private static func fates(
        on loop: LoopHandle, in difference: ConfigurationDifference, following next: Generation? = nil
    ) async -> [(Shedding.Target, ChangeAction)] {
        let fates = try? await loop.eventLoop.submit {
            let context = loop.context.value
            if let next {
                context.follow(next)
                loop.eventLoop.limitHandshakes(by: next)
            }
            // Many sessions, few routes and servers.
            var known: [[ObjectIdentifier]: ChangeAction] = [:]
            // Those that are ending have had their lot.
            return context.sessions.filter { !$0.value.isEnding }.map { id, driver in
                var kind = [ObjectIdentifier(driver.info.route)]
                if let server = driver.info.server.live { kind.append(ObjectIdentifier(server)) }
                let fate = known[kind] ?? driver.info.fate(in: difference)
                known[kind] = fate
                return (Shedding.Target(loop: loop, id: id), fate)
            }
        }.get()
        return fates ?? []
    }
}

extension GatewayServer.Fates {
    mutating func count(_ fate: ChangeAction) {
        switch fate {
        case .keep: kept += 1
        case .drain: drained += 1
        case .close: closed += 1
        }
    }
}

/// The generation in force, for whoever is on no event loop.
private final class CurrentGeneration: Sendable {
    private let generation: Mutex<Generation>

    init(_ generation: Generation) { self.generation = Mutex(generation) }

    var value: Generation {
        get { generation.withLock { $0 } }
        set { generation.withLock { $0 = newValue } }
    }
}

extension SocketEventLoop {
    /// No more handshakes are under way than there may be connections.
    fileprivate func limitHandshakes(by generation: Generation) {
        let cap = generation.configuration.limits.maxConnections
        limitHandshakes(to: cap == 0 ? Self.handshakeLimit : cap)
    }
}
