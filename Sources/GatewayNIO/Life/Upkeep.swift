import GatewayConfig
import GatewayPolicy
import Logging
import NIOCore
import NIOPosix
import SocketTransport

/// What is looked after while nobody asks: names of servers, servers that nobody connects to, and certificates.
struct Upkeep: Sendable {
    /// A server that answers is left alone for so long, when nobody connects to it anyway.
    private static let lookInterval = TimeAmount.seconds(10)
    /// One to which no connection came about is tried again so soon.
    private static let unreachableInterval = TimeAmount.seconds(1)
    private static let tick = Duration.milliseconds(250)

    let eventLoop: any EventLoop
    let logger: Logger

    /// Returns when the task is cancelled.
    ///
    /// - Parameters:
    ///   - generation: the one in force.
    ///   - serversChanged: called when names have come to stand for other servers.
    func run(
        _ generation: @Sendable () -> Generation, serversChanged: @Sendable () -> Void = {}
    ) async {
        var due = Due(renewal: .now() + TimeAmount(RenewedTLS.interval))
        repeat {
            // Not kept meanwhile: what another generation does not name goes with its last session.
            let generation = generation()
            let versions = generation.upstreams.mapValues(\.live.membershipVersion)
            if versions != due.versions { serversChanged() }
            due.versions = versions
            await lookAfter(generation, &due)
        } while (try? await Task.sleep(for: Self.tick)) != nil
    }

    /// When what is to be done next.
    private struct Due {
        /// Of the servers of each upstream.
        var versions: [String: Int] = [:]
        /// By entry.
        var lookups: [ObjectIdentifier: NIODeadline] = [:]
        /// When each look at a server that is under way began.
        var looks: [ObjectIdentifier: NIODeadline] = [:]
        var renewal: NIODeadline
    }

    private func lookAfter(_ generation: Generation, _ due: inout Due) async {
        let now = NIODeadline.now()
        due.lookups = lookUpNames(of: generation, due: due.lookups, now: now)
        due.looks = look(at: generation, due.looks, now: now)
        guard now >= due.renewal else { return }
        due.renewal = now + TimeAmount(RenewedTLS.interval)
        for listener in generation.allListeners { await renew(listener) }
        for upstream in generation.upstreams.values { await renew(upstream) }
    }

    // MARK: Names

    /// Nobody waits for them: a name that is not known yet holds up those who ask for its server, and nobody else.
    private func lookUpNames(
        of generation: Generation, due: [ObjectIdentifier: NIODeadline], now: NIODeadline
    ) -> [ObjectIdentifier: NIODeadline] {
        var next: [ObjectIdentifier: NIODeadline] = [:]
        for upstream in generation.upstreams.values {
            for entry in upstream.entries where entry.isName {
                let id = ObjectIdentifier(entry)
                let time = due[id] ?? .distantPast
                guard time <= now else {
                    next[id] = time
                    continue
                }
                _ = entry.lookUp(on: eventLoop, now: now)
                next[id] = now + TimeAmount(upstream.configuration.dnsRefresh)
            }
        }
        return next
    }

    // MARK: Servers

    /// Tries connections to servers that nobody has tried for a while, so that it is known who is down before a client
    /// finds out.
    private func look(
        at generation: Generation, _ underWay: [ObjectIdentifier: NIODeadline], now: NIODeadline
    ) -> [ObjectIdentifier: NIODeadline] {
        var looks: [ObjectIdentifier: NIODeadline] = [:]
        // Those with checks are looked at by them.
        for upstream in generation.upstreams.values where upstream.configuration.healthCheck == nil {
            let limit = TimeAmount(upstream.configuration.connectTimeout)
            for member in upstream.servers.members {
                let server = member.live
                let id = ObjectIdentifier(server)
                if let began = underWay[id], now < began + limit {
                    looks[id] = began
                    continue
                }
                let isDue = server.record.isLookDue(
                    interval: Self.lookInterval, whileUnreachable: Self.unreachableInterval, now: now)
                guard member.configuration.state != .down, isDue else { continue }
                looks[id] = now
                look(at: server, from: upstream.transport.sources, timeout: limit)
            }
        }
        return looks
    }

    private func look(at server: LiveServer, from sources: SourceAddresses?, timeout: TimeAmount) {
        let logger = logger
        let eventLoop = eventLoop
        eventLoop.execute {
            let connector = ServerConnector(
                server: server, transport: nil, sources: sources, timeout: timeout, eventLoop: eventLoop,
                protocols: [],
                setUp: .socket { $0.close() })
            connector.connect().whenComplete { result in
                Self.note(result.map { _ in }, of: server, logger: logger)
            }
        }
    }

    private static func note(_ result: Result<Void, any Error>, of server: LiveServer, logger: Logger) {
        var metadata: Logger.Metadata = [
            "upstream": "\(server.upstream.name)", "server": "\(server.address)",
        ]
        switch result {
        case .success:
            if server.record.looked(isReachable: true, now: .now(), jitter: 0) {
                logger.info("server is up", metadata: metadata)
            }
        case .failure(let error):
            // That says nothing about the server.
            if (error as? IOError)?.isLackOfResources == true || error is ServerConnector.ServersChanged { return }
            let reason = ConnectFailure.text(for: error)
            if server.record.looked(
                isReachable: false, reason: reason, now: .now(), jitter: .random(in: 0..<1))
            {
                metadata["reason"] = "\(reason)"
                logger.warning("server is down", metadata: metadata)
            }
        }
    }

    // MARK: Certificates

    private func renew(_ listener: CompiledListener) async {
        guard let tls = listener.tls,
            let look = try? await NIOThreadPool.singleton.runIfActive({
                (tls.renewCertificates(), tls.renewTicketKeys())
            })
        else { return }
        let place: Logger.Metadata = ["listener": "\(listener.configuration.name)"]
        note(
            look.0, of: place, renewed: "certificates renewed",
            refused: "new certificates can't be used; the gateway keeps the old ones")
        note(
            look.1, of: place, renewed: "ticket keys renewed",
            refused: "new ticket keys can't be used; the gateway keeps the old ones")
    }

    private func renew(_ upstream: Upstream) async {
        guard upstream.transport.tls != nil,
            let look = try? await NIOThreadPool.singleton.runIfActive({ upstream.transport.renewTLS() })
        else { return }
        note(
            look, of: ["upstream": "\(upstream.configuration.name)"], renewed: "certificates renewed",
            refused: "new certificates can't be used; the gateway keeps the old ones")
    }

    private func note(_ renewal: TLSRenewal, of place: Logger.Metadata, renewed: String, refused: String) {
        var metadata = place
        switch renewal {
        case .unchanged, .refused(_, isNews: false): break
        case .renewed(let warnings):
            logger.info("\(renewed)", metadata: metadata)
            for warning in warnings {
                metadata["reason"] = "\(warning)"
                logger.warning("TLS file needs attention", metadata: metadata)
            }
        case .refused(let failure, isNews: true):
            metadata["reason"] = "\(failure)"
            logger.error("\(refused)", metadata: metadata)
        }
    }
}
