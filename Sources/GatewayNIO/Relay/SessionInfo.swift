import GatewayConfig
import GatewayPolicy
import GatewaySession
import GatewayTelemetry
import HTTPTypes
import NIOCore
import WebSocketCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What is known of a session beside its frames: for counting, for the log, and what is returned when it ends.
final class SessionInfo {
    let route: LiveRoute
    let server: SessionServer
    /// Of the route, on the loop of the session.
    let counters: RouteCounters
    let loop: LoopContext
    private let permit: Permit
    private let startedAt: NIODeadline
    /// Whether its end is logged even if nothing was wrong with it.
    private let isSampled: Bool
    private let listener: String
    /// Host and path of the request in one text, each cut at ``targetLimit`` bytes: thousands of idle sessions keep it. The
    /// query is left out, as it may hold a secret.
    private let target: String
    private static let targetLimit = 256

    /// An authority has no slash, and a path begins with one.
    private var host: String { String(target.prefix { $0 != "/" }) }
    private var path: String { String(target.drop { $0 != "/" }) }
    /// What the client was told of compression; nil: there is none on its leg.
    private let compressionAnswer: String?
    private let requestID: CompactIdentifier
    private let traceID: CompactIdentifier
    let client: ClientAddress
    let clientVersion: LegVersion
    let serverVersion: LegVersion
    /// The draft that the client speaks; nil: RFC 6455.
    let draft: LegacyDraft?
    /// Whether compression was agreed on for either leg.
    let isCompressed: Bool
    private let clientIsCompressed: Bool

    /// Counts the connection as accepted.
    init(
        _ decision: ProxyDecision, _ upgraded: UpgradedServer, _ extensions: SessionExtensions, listener: String,
        clientVersion: LegVersion, startedAt: NIODeadline, isSampled: Bool, loop: LoopContext
    ) {
        route = decision.outgoing.liveRoute
        server = upgraded.server
        counters = loop.counters(of: route)
        self.loop = loop
        permit = decision.permit
        self.startedAt = startedAt
        self.isSampled = isSampled
        self.listener = listener
        target =
            Self.cut(decision.outgoing.request.authority ?? "")
            + Self.cut(decision.outgoing.target.text.prefix { $0 != "?" })
        compressionAnswer = extensions.clientAnswer
        requestID = CompactIdentifier(decision.outgoing.requestID)
        traceID = CompactIdentifier(decision.outgoing.trace.traceID)
        client = decision.outgoing.forwarded.clientAddress
        self.clientVersion = clientVersion
        serverVersion = upgraded.leg.version
        draft = decision.upgrade.draft
        clientIsCompressed = extensions.client != nil
        isCompressed = clientIsCompressed || extensions.server != nil

        counters.accepted.add()
        counters.active.add(1)
        if clientVersion == .http2 { counters.activeHTTP2Client.add() }
        if serverVersion == .http2 { counters.activeHTTP2Server.add() }
        if server.isCommand { counters.activeCommands.add(1) }
        if clientIsCompressed { counters.compressionActive.add(1) }
        if let draft { counters.acceptedLegacy(version: draft.rawValue) }
        for name in decision.negotiation.refusedNames { counters.refusedExtension(name) }
        if let subprotocol = upgraded.subprotocol { counters.opened(subprotocol: subprotocol) }
        let duration = (NIODeadline.now() - startedAt).nanoseconds
        let microseconds = UInt64(clamping: duration / 1000)
        let now = loop.secondsSince1970
        counters.handshakes.record(microseconds: microseconds)
        counters.openedBy(decision.outgoing.requestID, microseconds: microseconds, at: now)
        counters.tookHandshake(Double(duration) / 1e9, at: now) {
            HandshakeRecord(
                seconds: Double(duration) / 1e9, time: now, client: "\(client)", server: server.name,
                requestID: requestID.text)
        }
    }

    private static func cut(_ text: some StringProtocol) -> String {
        // Both are ASCII: no character is cut in two.
        String(text.utf8.count <= targetLimit ? text[...] : text.prefix(targetLimit))
    }

    /// Whether one of the texts that a list has of it contains this one.
    func contains(_ search: SearchText) -> Bool {
        search.isIn(target) || search.isIn("\(client)") || search.isIn(route.name)
            || search.isIn(server.name) || search.isIn(listener) || search.isIn(requestID.text)
            || search.isIn(compressionAnswer ?? "none")
    }

    /// What lists are sorted by, as far as it does not change while the session lives; nil: it does.
    func sortKey(_ sort: ConnectionSort) -> ConnectionSort.Key? {
        switch sort {
        case .age: .number(-Double(startedAt.uptimeNanoseconds))
        case .client: .text("\(client)")
        case .host: .text(host)
        case .path: .text(path)
        case .route: .text(route.name)
        case .server: .text(server.name)
        case .protocol: .text("\(clientVersion.rawValue) \(serverProtocol)")
        case .compression: .text(compressionAnswer ?? "none")
        case .messages, .bytes, .rate, .queue: nil
        }
    }

    /// In seconds, not below 0.
    func age(at now: NIODeadline) -> Double {
        Double(max(0, (now - startedAt).nanoseconds) / 1_000_000) / 1000
    }

    /// What the server's leg speaks: a command has no HTTP.
    private var serverProtocol: String { server.isCommand ? "command" : serverVersion.rawValue }

    /// The session as it is listed while it is open.
    func snapshot(
        id: SessionID, at now: NIODeadline, fromClient: DirectionTotals, fromServer: DirectionTotals,
        shared: (client: ConnectionSnapshot.Shared?, server: ConnectionSnapshot.Shared?),
        queue: ConnectionSnapshot.Queue
    ) -> ConnectionSnapshot {
        ConnectionSnapshot(
            id: id, requestID: requestID.text, client: "\(client)", listener: listener, host: host, path: path,
            route: route.name, server: server.name,
            protocol: .init(client: clientVersion.rawValue, server: serverProtocol),
            legacyVersion: draft?.rawValue, clientConnection: shared.client, serverConnection: shared.server,
            ageSeconds: age(at: now),
            messages: .init(fromClient: fromClient.messages, toClient: fromServer.messages),
            bytes: .init(fromClient: fromClient.bytes, toClient: fromServer.bytes),
            compression: compressionAnswer ?? "none", queue: queue)
    }

    /// What becomes of the session when its configuration is replaced.
    func fate(in difference: ConfigurationDifference) -> ChangeAction {
        server.fate(route: route.name, in: difference)
    }

    func ended(_ outcome: SessionOutcome, fromClient: DirectionTotals, fromServer: DirectionTotals) {
        server.release(permit)
        counters.closed.add()
        counters.active.add(-1)
        if clientVersion == .http2 { counters.activeHTTP2Client.subtract() }
        if serverVersion == .http2 { counters.activeHTTP2Server.subtract() }
        if server.isCommand { counters.activeCommands.add(-1) }
        if clientIsCompressed { counters.compressionActive.add(-1) }
        counters.closed(code: outcome.code, by: CloseSide(outcome.closer))
        if loop.generation.configuration.log.access, isSampled || outcome.isFault {
            log(outcome, fromClient: fromClient, fromServer: fromServer)
        }
    }

    private func log(_ outcome: SessionOutcome, fromClient: DirectionTotals, fromServer: DirectionTotals) {
        guard var line = loop.process.lineLog.begin("connection closed") else { return }
        line.add("request_id", requestID.text)
        line.add("trace_id", traceID.text)
        line.add("client", client.description)
        line.add("listener", listener)
        line.add("route", route.name)
        line.add("server", server.name)
        line.add("client_protocol", clientVersion.rawValue)
        line.add("server_protocol", serverProtocol)
        if let draft { line.add("legacy_version", draft.rawValue) }
        line.add("duration_seconds", Double((NIODeadline.now() - startedAt).nanoseconds / 1_000_000) / 1000)
        line.add("messages_from_client", fromClient.messages)
        line.add("messages_to_client", fromServer.messages)
        line.add("bytes_from_client", fromClient.bytes)
        line.add("bytes_to_client", fromServer.bytes)
        line.add("compression", compressionAnswer ?? "none")
        line.add("closed_by", outcome.closer.rawValue)
        line.add("code", outcome.code)
        line.add("reason", outcome.reason)
        loop.process.lineLog.write(line)
    }
}

extension SessionOutcome {
    /// Whether something went wrong: the gateway ended the WebSocket for another reason than its time or a restart, or
    /// the server broke off or reported an error.
    fileprivate var isFault: Bool {
        switch closer {
        case .client: false
        case .server: code == 1006 || code == 1011
        case .gateway: code != 1000 && code != 1001 && code != 1012
        }
    }
}

/// Numbers requests, so that what a client saw can be found in the logs.
enum RequestID {
    static func make() -> String { text(.random(in: .min ... .max)) }

    static func text(_ bits: UInt64) -> String { HexadecimalText.digits(bits) }
}

extension CloseSide {
    init(_ closer: SessionOutcome.Closer) {
        switch closer {
        case .client: self = .client
        case .server: self = .server
        case .gateway: self = .gateway
        }
    }
}
