import GatewayConfig
import Logging
import NIOPosix

/// The listeners that are open, and what becomes of them when another generation comes.
struct Listeners: Sendable {
    private(set) var open: [Listener] = []

    /// What a generation needs, not in force yet.
    struct Change: Sendable {
        /// In the order of the configuration.
        fileprivate let next: [(compiled: CompiledListener, listener: Listener)]
        fileprivate let opened: [Listener]
        fileprivate let closing: [Listener]
    }

    /// Opens what the generation has and is not open yet. Sockets are found again by name and address, or by address
    /// alone. Nothing else happens, so that all of it can be taken back.
    ///
    /// - Parameters:
    ///   - inherited: sockets of a predecessor, or of whatever started the process, by listener.
    ///   - waits: whether nothing is accepted yet on sockets that are inherited: their other owner still does.
    /// - Throws: `ListenerError` for the first that can't be opened; those opened before it are closed again.
    func prepare(
        _ generation: Generation, inherited: [String: ListeningDescriptors] = [:], waits: Bool = false,
        loops: [LoopHandle], logger: Logger
    ) async throws -> Change {
        var left = open
        func take(where matches: (ListenerConfiguration) -> Bool) -> Listener? {
            left.firstIndex { matches($0.configuration) }.map { left.remove(at: $0) }
        }
        var kept: [String: Listener] = [:]
        for compiled in generation.allListeners {
            let wanted = compiled.configuration
            kept[wanted.name] = take { $0.name == wanted.name && $0.hasSocket(of: wanted) }
        }
        for compiled in generation.allListeners where kept[compiled.configuration.name] == nil {
            let wanted = compiled.configuration
            if case .tcp(_, port: 0) = wanted.address { continue }
            kept[wanted.name] = take { $0.hasSocket(of: wanted) }
        }
        var next: [(CompiledListener, Listener)] = []
        var opened: [Listener] = []
        var accessBefore: [(Listener, UnixSocketAccess)] = []
        for compiled in generation.allListeners {
            let configuration = compiled.configuration
            do {
                if let listener = kept[configuration.name] {
                    next.append((compiled, listener))
                    if listener.configuration.access != configuration.access {
                        accessBefore.append((listener, listener.configuration.access))
                        try listener.sockets.descriptors.apply(configuration.access)
                    }
                    continue
                }
                let mayShare = open.contains { $0.configuration.address.overlaps(configuration.address) }
                let descriptors: ListeningDescriptors
                if let known = inherited[configuration.name] {
                    descriptors = known
                } else {
                    descriptors = try await NIOThreadPool.singleton.runIfActive {
                        try Listener.openSockets(configuration, loops: loops.count, mayShare: mayShare)
                    }
                }
                let listener = try await Listener.accept(
                    on: descriptors, compiled, waits: waits && inherited[configuration.name] != nil, loops: loops,
                    logger: logger)
                opened.append(listener)
                next.append((compiled, listener))
            } catch {
                for (listener, access) in accessBefore { try? listener.sockets.descriptors.apply(access) }
                for listener in opened { await listener.sockets.stop() }
                let reason = ListenFailure.text(for: error, address: configuration.address)
                throw ListenerError(name: configuration.name, address: configuration.address, reason: reason)
            }
        }
        return Change(next: next, opened: opened, closing: left)
    }

    /// The change comes into force: connections meet the listeners of the generation from now on.
    ///
    /// - Returns: those that are to stop accepting.
    mutating func apply(_ change: Change, logger: Logger) -> [Listener] {
        for (compiled, listener) in change.next { listener.follow(compiled) }
        open = change.next.map(\.listener)
        for listener in change.opened {
            logger.info(
                "listening",
                metadata: [
                    "listener": "\(listener.configuration.name)", "address": "\(listener.boundAddress)",
                    "tls": .stringConvertible(listener.configuration.tls != nil),
                ])
        }
        return change.closing
    }
}

extension ListenerConfiguration {
    /// Whether the sockets of this one will do for the other.
    fileprivate func hasSocket(of other: ListenerConfiguration) -> Bool { address == other.address }
}

/// A listener that could not be opened.
public struct ListenerError: Error, CustomStringConvertible {
    public let name: String
    public let address: Address
    public let reason: String

    public var description: String { "listener \(name) can't listen on \(address): \(reason)" }
}
