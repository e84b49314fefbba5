/// What one look at the gateway found.
public struct TopReading: Equatable, Sendable {
    /// In seconds, of a clock that only goes forward.
    public var time: Double
    public var stats: StatsReading
    /// nil: nobody asked for them.
    public var connections: [ConnectionReading]?

    public init(time: Double, stats: StatsReading, connections: [ConnectionReading]?) {
        self.time = time
        self.stats = stats
        self.connections = connections
    }

    /// How much a counter has grown a second since `previous`; nil: there is nothing to compare with, as after a restart
    /// of the gateway.
    func perSecond(since previous: TopReading?, _ counter: (StatsReading) -> Double?) -> Double? {
        guard let previous, time > previous.time, previous.stats.uptimeSeconds <= stats.uptimeSeconds,
            let before = counter(previous.stats), let now = counter(stats), now >= before
        else { return nil }
        return (now - before) / (time - previous.time)
    }
}

extension TopReading {
    func rows(of pane: TopPane, since previous: TopReading?) -> [TopRow] {
        switch pane {
        case .routes: stats.routes.map { row(of: $0, since: previous) }
        case .servers: stats.servers.map(Self.row)
        case .connections: (connections ?? []).map(Self.row)
        }
    }

    private func row(of route: StatsReading.Route, since previous: TopReading?) -> TopRow {
        func rate(_ counter: (StatsReading.Route) -> Double) -> Double? {
            perSecond(since: previous) { stats in stats.routes.first { $0.name == route.name }.map(counter) }
        }
        let rates = [
            rate(\.acceptedTotal), rate(\.messagesIn), rate(\.messagesOut), rate(\.bytesIn), rate(\.bytesOut),
        ]
        let isFull = route.maxConnections > 0 && route.active >= route.maxConnections
        return TopRow(
            cells: [
                route.name, FigureText.count(route.active),
                route.maxConnections > 0 ? FigureText.count(route.maxConnections) : "-",
            ] + rates.prefix(3).map(FigureText.count) + rates.dropFirst(3).map(FigureText.bytes)
                + [FigureText.latency(route.p99)],
            keys: [.text(route.name), .figure(route.active), .figure(route.maxConnections)]
                + rates.map { .figure($0 ?? -1) } + [.figure(route.p99 ?? -1)],
            isTrouble: isFull)
    }

    private static func row(of server: StatsReading.Server) -> TopRow {
        let health = server.isHealthy ? "up" : "down"
        return TopRow(
            cells: [
                server.address, server.upstream, server.state, health, FigureText.count(server.active),
                FigureText.count(server.connections), FigureText.count(server.failuresTotal),
            ],
            keys: [
                .text(server.address), .text(server.upstream), .text(server.state), .text(health),
                .figure(server.active), .figure(server.connections), .figure(server.failuresTotal),
            ],
            isTrouble: !server.isHealthy)
    }

    private static func row(of connection: ConnectionReading) -> TopRow {
        let messages = connection.messagesIn + connection.messagesOut
        return TopRow(
            cells: [
                String(connection.id), connection.client, connection.route, connection.server,
                FigureText.age(connection.ageSeconds), FigureText.count(messages),
                FigureText.bytes(connection.bytesIn), FigureText.bytes(connection.bytesOut),
                FigureText.bytes(connection.queuedBytes),
            ],
            keys: [
                .figure(Double(connection.id)), .text(connection.client), .text(connection.route),
                .text(connection.server), .figure(connection.ageSeconds), .figure(messages),
                .figure(connection.bytesIn), .figure(connection.bytesOut), .figure(connection.queuedBytes),
            ])
    }
}
