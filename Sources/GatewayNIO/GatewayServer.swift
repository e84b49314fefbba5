public import GatewayConfig
import GatewayPolicy
import GatewaySession
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
        for upstream in runtime.upstreams.values { await resolve(upstream, logger: runtime.logger) }
        var listeners: [Listener] = []
        for configuration in runtime.configuration.listeners {
            do {
                listeners.append(try await Listener.bind(configuration, loops: loops, logger: runtime.logger))
            } catch {
                for listener in listeners { await listener.stopAccepting() }
                throw ListenerError(name: configuration.name, address: configuration.address, reason: "\(error)")
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
        let lookups = runtime.upstreams.values.filter(\.needsResolving).map { upstream in
            Self.every(upstream.configuration.dnsRefresh) { await Self.resolve(upstream, logger: logger) }
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

    private static func resolve(_ upstream: Upstream, logger: Logger) async {
        for failure in await upstream.resolve() {
            logger.warning(
                "name lookup failed", metadata: ["upstream": "\(upstream.configuration.name)", "reason": "\(failure)"])
        }
    }

    /// Addresses as bound, by listener name.
    public var addresses: [(name: String, address: Address)] {
        listeners.map { ($0.configuration.name, $0.boundAddress) }
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
