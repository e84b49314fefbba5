import GatewayAdmin
import GatewayConfig
import GatewayNIO
import GatewayPolicy
import GatewayTelemetry
import Logging
import NIOCore

extension AdminSource {
    /// What the admin endpoint asks of a gateway, which may not be there yet. Each request that changes something leaves
    /// one line in the log.
    init(
        of running: RunningGateway, process: ProcessState, stage: Stage, startedAt: NIODeadline,
        settings: Gateway.Settings, history: MetricHistory
    ) {
        let snapshot: @Sendable () -> StatsSnapshot = {
            var snapshot = process.telemetry.snapshot(
                uptimeSeconds: Double((NIODeadline.now() - startedAt).nanoseconds) / 1e9,
                draining: stage.value != .serving, upstreams: process.upstreamSnapshots(in: running.value?.server),
                residentMemoryBytes: ResidentMemory.bytes(),
                certificates: running.value?.server.certificateEnds ?? [], process: ProcessFacts.now())
            snapshot.build = BuildSnapshot(commit: settings.commit, swift: Gateway.compiler)
            return snapshot
        }
        let readiness: @Sendable () -> Readiness = {
            if stage.value != .serving { return .draining }
            guard let gateway = running.value else { return .starting }
            return gateway.server.hasServerUp ? .ready : .noServerUp
        }
        self.init(
            snapshot: snapshot, readiness: readiness,
            connections: { await running.value?.server.connections($0) ?? ConnectionList() },
            close: { id, code, reason, caller in
                guard let gateway = running.value else { return false }
                let isFound = await gateway.server.close(id, code: code, reason: reason)
                gateway.audit(
                    "close", caller, ["id": .stringConvertible(id), "code": .stringConvertible(code)],
                    sockets: isFound ? 1 : 0)
                return isFound
            },
            closeMany: { request, caller in
                guard let gateway = running.value else { return 0 }
                let count = await gateway.server.closeMany(
                    request.filter, code: request.code, reason: request.reason, perSecond: request.perSecond)
                var what: Logger.Metadata = ["code": .stringConvertible(request.code)]
                what["route"] = request.filter.route.map { "\($0)" }
                what["server"] = request.filter.server.map { "\($0)" }
                what["ip"] = request.filter.ip.map { "\($0)" }
                gateway.audit("close", caller, what, sockets: count)
                return count
            },
            reload: { applies, caller in
                guard let gateway = running.value else {
                    let refusal = ReloadAnswer.Refused(
                        file: settings.file?.path ?? "", reason: "the gateway is starting")
                    return .refused(ReloadAnswer.refused(refusal).json)
                }
                let answer = await gateway.reload(
                    applies: applies, by: .admin(peer: caller.peer, hasToken: caller.hasToken))
                switch answer {
                case .accepted: return .done(answer.json)
                case .refused: return .refused(answer.json)
                }
            },
            drain: { caller in
                if let gateway = running.value { gateway.audit("drain", caller, [:], sockets: gateway.socketCount) }
                settings.onDrainRequest("admin request")
            },
            drainServer: { upstream, server, perSecond, caller in
                guard let gateway = running.value else { return .refused("the gateway is starting") }
                let change = await gateway.server.drainServer(
                    upstream: upstream, address: server, perSecond: perSecond)
                return gateway.audit(
                    "drain server", caller, ["upstream": "\(upstream)", "server": "\(server)"], change)
            },
            undrainServer: { upstream, server, caller in
                guard let gateway = running.value else { return .refused("the gateway is starting") }
                let change = gateway.server.undrainServer(upstream: upstream, address: server)
                return gateway.audit(
                    "undrain server", caller, ["upstream": "\(upstream)", "server": "\(server)"], change)
            },
            rebalance: { upstream, perSecond, caller in
                guard let gateway = running.value else { return .refused("the gateway is starting") }
                let change = await gateway.server.rebalance(upstream: upstream, perSecond: perSecond)
                return gateway.audit("rebalance", caller, ["upstream": "\(upstream)"], change)
            },
            dashboard: DashboardSource(
                live: {
                    LiveSnapshot(
                        time: Gateway.secondsSince1970, readiness: readiness().rawValue,
                        reloading: running.value?.isReloading ?? false, operations: process.operations.snapshots,
                        slowHandshakes: process.telemetry.slowHandshakes, stats: snapshot())
                },
                history: history, warnings: settings.log.recent,
                configurationVersion: { running.value?.shownConfigurationVersion ?? 0 },
                configuration: { running.value?.shownConfiguration ?? Array("{}".utf8) }))
    }
}

extension Gateway {
    /// The line that a command of an operator leaves: who, what, how many.
    fileprivate func audit(_ command: String, _ caller: AdminCaller, _ what: Logger.Metadata, sockets: Int) {
        var metadata = Requester.admin(peer: caller.peer, hasToken: caller.hasToken).metadata
        metadata.merge(what) { $1 }
        metadata["command"] = "\(command)"
        metadata["sockets"] = .stringConvertible(sockets)
        logger.notice("admin command", metadata: metadata)
    }

    fileprivate func audit(
        _ command: String, _ caller: AdminCaller, _ what: Logger.Metadata, _ change: GatewayServer.ServerChange
    ) -> AdminShedding {
        switch change {
        case .begun(let sockets):
            audit(command, caller, what, sockets: sockets)
            return .begun(sockets: sockets)
        case .noUpstream: return .noUpstream
        case .noServer: return .noServer
        case .refused(let reason): return .refused(reason)
        }
    }
}

extension ProcessState {
    /// Every upstream that a configuration names or a session still uses.
    fileprivate func upstreamSnapshots(in server: GatewayServer?) -> [UpstreamSnapshot] {
        let now = NIODeadline.now()
        return liveUpstreams.map { upstream in
            UpstreamSnapshot(
                name: upstream.name, portsExhaustedTotal: upstream.portsExhausted.value,
                servers: upstream.liveServers.compactMap { live in
                    let state = live.record.snapshot(now: now)
                    let standing = server?.state(of: live, in: upstream.name) ?? "active"
                    let address = live.address
                    // An address that two entries lead to is one server.
                    let isUsed = state.active > 0 || live.connections.value > 0
                    guard standing != "removed" || isUsed else { return nil }
                    let configured = server?.configuration(of: live, in: upstream.name)
                    var shown = UpstreamSnapshot.Server(
                        name: address == live.configured ? nil : live.configured.description,
                        state: standing, healthy: state.healthy,
                        active: state.active, connections: live.connections.value, streams: live.streams.value,
                        failuresTotal: state.failuresTotal,
                        check: live.record.health.map { health in
                            .init(
                                state: health.standing.rawValue, reason: health.latest?.failure,
                                lastSeconds: health.latest?.seconds)
                        })
                    shown.takenTotal = state.takenTotal
                    shown.lastFailure = state.lastFailure.map { .init(reason: $0.reason, ageSeconds: $0.seconds) }
                    shown.maxConnections = configured?.maxConnections
                    shown.weight = configured?.weight
                    return (address.description, shown)
                })
        }
    }
}
