import GatewayConfig
import GatewayTelemetry

/// What an admin request leads to.
enum AdminWork: Equatable {
    case answer(AdminAnswer)
    /// A drain, which ends the process.
    case drain
    /// Events, one after the other, until the page goes.
    case live
    /// The answer has to be asked for.
    case ask(AdminQuestion)
}

/// What only the gateway's event loops can answer.
enum AdminQuestion: Equatable {
    /// The open WebSockets.
    case list(ConnectionFilter)
    /// The end of one.
    case close(id: UInt64, code: UInt16, reason: String)
    /// The end of many.
    case closeMany(ClosingRequest)
    /// The configuration read again, and put in force or only compared.
    case reload(apply: Bool)
    case drainServer(AdminServerName, perSecond: Double?)
    case undrainServer(AdminServerName)
    case rebalance(upstream: String, perSecond: Double?)

    func answer(from source: AdminSource, for caller: AdminCaller) async -> AdminAnswer {
        switch self {
        case .list(let filter):
            let list = await source.connections(filter)
            var answer = AdminAnswer.json(200, ConnectionSnapshot.json(list.connections))
            answer.totalCount = list.total
            return answer
        case .close(let id, let code, let reason):
            return await source.close(id, code, reason, caller)
                ? .text(202, "closing") : .text(404, "no connection has this number")
        case .closeMany(let request):
            return .json(200, Array("{\"closing\":\(await source.closeMany(request, caller))}".utf8))
        case .reload(let apply):
            switch await source.reload(apply, caller) {
            case .done(let body): return .json(200, body)
            case .refused(let body): return .json(400, body)
            }
        case .drainServer(let server, let perSecond):
            return .shedding(
                await source.drainServer(server.upstream, server.address, perSecond, caller),
                upstream: server.upstream, server: server.address)
        case .undrainServer(let server):
            return .shedding(
                await source.undrainServer(server.upstream, server.address, caller), upstream: server.upstream,
                server: server.address)
        case .rebalance(let upstream, let perSecond):
            return .shedding(await source.rebalance(upstream, perSecond, caller), upstream: upstream, server: "")
        }
    }
}

/// A server of an upstream, as the path names both.
struct AdminServerName: Equatable {
    var upstream: String
    /// As the configuration writes it.
    var address: String
}

extension AdminAnswer {
    fileprivate static func shedding(_ shedding: AdminShedding, upstream: String, server: String) -> AdminAnswer {
        switch shedding {
        case .begun(let sockets): .json(202, Array("{\"sockets\":\(sockets)}".utf8))
        case .noUpstream: .text(404, "no upstream is named \(quoted(upstream)); GET /stats lists them")
        case .noServer:
            .text(404, "upstream \(quoted(upstream)) has no server \(quoted(server)); GET /stats lists its servers")
        case .refused(let reason): .text(409, reason)
        }
    }

    /// What the request names, on one line.
    private static func quoted(_ name: String) -> String { "\"\(VisibleText.escaped(name))\"" }
}
