public import GatewayConfig
import GatewayPolicy
import GatewaySession
public import GatewayTelemetry
import Logging
public import NIOCore
import NIOPosix
import WebSocketCore

/// The data path of a running gateway: its event loops, listeners and upstreams.
public final class GatewayServer: Sendable {
    public let runtime: GatewayRuntime
    private let loops: [LoopHandle]
    private let listeners: [Listener]
    private let refreshes: [Task<Void, Never>]

    /// Opens every listener.
    ///
    /// - Throws: `ListenerError` for the first one that can't be opened; those before it are closed again.
    public static func start(_ runtime: GatewayRuntime, group: any EventLoopGroup) async throws -> GatewayServer {
        var loops: [LoopHandle] = []
        for (index, eventLoop) in group.makeIterator().enumerated() {
            let context = try await eventLoop.submit {
                NIOLoopBound(
                    LoopContext(runtime: runtime, eventLoop: eventLoop, index: index), eventLoop: eventLoop)
            }.get()
            loops.append(LoopHandle(eventLoop: eventLoop, group: group, context: context))
        }
        var listeners: [Listener] = []
        for configuration in runtime.configuration.listeners {
            do {
                listeners.append(try await Listener.bind(configuration, loops: loops, logger: runtime.logger))
            } catch {
                for listener in listeners { await listener.stopAccepting() }
                let reason = ListenFailure.text(for: error, address: configuration.address)
                throw ListenerError(name: configuration.name, address: configuration.address, reason: reason)
            }
        }
        for listener in listeners {
            runtime.logger.info(
                "listening",
                metadata: [
                    "listener": "\(listener.configuration.name)", "address": "\(listener.boundAddress)",
                    "tls": "\(listener.configuration.tls != nil)",
                ])
        }
        return GatewayServer(runtime: runtime, loops: loops, listeners: listeners)
    }

    private init(runtime: GatewayRuntime, loops: [LoopHandle], listeners: [Listener]) {
        self.runtime = runtime
        self.loops = loops
        self.listeners = listeners
        let logger = runtime.logger
        // Nobody waits for them: a name that is not known yet holds up those who ask for its server, and nobody else.
        let lookups = runtime.upstreams.values.flatMap { upstream in
            upstream.addresses.filter(\.isName).map { name in
                let eventLoop = loops[0].eventLoop
                _ = name.lookUp(on: eventLoop, now: .now())
                return Self.every(upstream.configuration.dnsRefresh) {
                    try? await name.lookUp(on: eventLoop, now: .now())?.get()
                }
            }
        }
        let renewals = listeners.compactMap { listener in
            listener.tls.map { tls in
                Self.every(RenewedTLS.interval) { await Self.renew(tls, of: listener.configuration, logger: logger) }
            }
        }
        refreshes = lookups + renewals
    }

    private static func every(_ interval: Duration, _ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                if !Task.isCancelled { await work() }
            }
        }
    }

    private static func renew(_ tls: RenewedTLS, of listener: ListenerConfiguration, logger: Logger) async {
        switch try? await NIOThreadPool.singleton.runIfActive({ tls.renew() }) {
        case .renewed:
            logger.info("certificates renewed", metadata: ["listener": "\(listener.name)"])
        case .refused(let reason):
            logger.error(
                "certificates changed and can't be used; those before stay",
                metadata: ["listener": "\(listener.name)", "reason": "\(reason)"])
        case .unchanged, nil:
            break
        }
    }

    /// Addresses as bound, by listener name.
    public var addresses: [(name: String, address: Address)] {
        listeners.map { ($0.configuration.name, $0.boundAddress) }
    }

    /// Open WebSockets, oldest first, as far as the filter lets them through.
    public func connections(_ filter: ConnectionFilter) async -> [ConnectionSnapshot] {
        let route = filter.route.map { name in runtime.telemetry.routes.firstIndex { $0.name == name } }
        // A route that doesn't exist has no connections.
        if let route, route == nil { return [] }
        let ip = filter.ip.flatMap { ClientAddress(parsing: $0) }
        if filter.ip != nil, ip == nil { return [] }
        var found: [ConnectionSnapshot] = []
        for loop in loops {
            found +=
                (try? await loop.eventLoop.submit {
                    let drivers = loop.context.value.sessions.filter { _, driver in
                        (route == nil || driver.info.route == route) && (ip == nil || driver.info.client == ip)
                    }
                    return drivers.sorted { $0.key < $1.key }.prefix(filter.limit).map { $0.value.snapshot() }
                }.get()) ?? []
        }
        return Array(found.sorted { $0.ageSeconds > $1.ageSeconds }.prefix(filter.limit))
    }

    /// Ends one WebSocket with this Close, once the messages in flight are through; false when there is none.
    public func close(_ id: UInt64, code: UInt16, reason: String) async -> Bool {
        let payload = ClosePayload(code: CloseCode(rawValue: code), reason: reason)
        for loop in loops {
            let isFound = try? await loop.eventLoop.submit {
                guard let driver = loop.context.value.sessions[id] else { return false }
                driver.close(payload, grace: .seconds(5))
                return true
            }.get()
            if isFound == true { return true }
        }
        return false
    }

    /// Stops accepting and ends every session: each peer gets a Close between two messages, spread over
    /// `drain.spread`. Returns when the last one has ended, or `drain.timeout` is over.
    public func drain() async {
        let settings = runtime.configuration.drain
        runtime.admission.startDraining()
        let deadline = NIODeadline.now() + TimeAmount(settings.timeout)
        for listener in listeners { await listener.stopAccepting() }
        for refresh in refreshes { refresh.cancel() }
        await withTaskGroup(of: Void.self) { group in
            for loop in loops {
                group.addTask { await LoopDrain.run(on: loop, settings: settings, deadline: deadline) }
            }
        }
    }
}

/// A listener that could not be opened.
public struct ListenerError: Error, CustomStringConvertible {
    public let name: String
    public let address: Address
    public let reason: String

    public var description: String { "listener \(name) can't listen on \(address): \(reason)" }
}
