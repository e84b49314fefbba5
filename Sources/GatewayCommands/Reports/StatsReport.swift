/// What `sluice stats` prints: the process, its routes, the servers.
public struct StatsReport: Sendable {
    private let reading: StatsReading
    private let address: String

    /// - Parameter address: of the admin endpoint that was asked.
    public init(_ reading: StatsReading, address: String) {
        self.reading = reading
        self.address = address
    }

    public var text: String {
        var lines = head
        lines.append("")
        lines += reading.routes.isEmpty ? ["no routes"] : Self.routes(reading.routes).lines()
        if !reading.servers.isEmpty {
            lines.append("")
            lines += Self.servers(reading.servers).lines()
        }
        return lines.joined(separator: "\n")
    }

    private var head: [String] {
        let state = reading.isDraining ? "draining" : "serving"
        var lines = [
            "sluice \(reading.version) at \(address): \(state), up \(FigureText.age(reading.uptimeSeconds))"
                + (reading.residentBytes > 0 ? ", \(FigureText.bytes(reading.residentBytes)) of memory" : ""),
            "WebSockets: \(FigureText.whole(reading.active)) open, \(FigureText.whole(reading.acceptedTotal)) accepted, "
                + "\(FigureText.whole(reading.closedTotal)) closed",
        ]
        let refused = reading.rejectedTotal.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        if !refused.isEmpty {
            lines.append(
                "refused: " + refused.map { "\($0.key) \(FigureText.whole($0.value))" }.joined(separator: ", "))
        }
        return lines
    }

    private static func routes(_ routes: [StatsReading.Route]) -> TextTable {
        TextTable(
            columns: [.init("ROUTE")]
                + ["OPEN", "CAP", "ACCEPTED", "MSGS IN", "MSGS OUT", "IN", "OUT", "REQUESTS", "P50", "P99"]
                .map { .init($0, isFigure: true) },
            rows: routes.map { route in
                [
                    route.name, FigureText.whole(route.active),
                    route.maxConnections > 0 ? FigureText.whole(route.maxConnections) : "-",
                    FigureText.whole(route.acceptedTotal), FigureText.count(route.messagesIn),
                    FigureText.count(route.messagesOut), FigureText.bytes(route.bytesIn),
                    FigureText.bytes(route.bytesOut), FigureText.count(route.requestsTotal),
                    FigureText.latency(route.p50), FigureText.latency(route.p99),
                ]
            })
    }

    private static func servers(_ servers: [StatsReading.Server]) -> TextTable {
        TextTable(
            columns: [
                .init("UPSTREAM"), .init("SERVER"), .init("STATE"), .init("HEALTH"), .init("OPEN", isFigure: true),
                .init("CONNECTIONS", isFigure: true), .init("FAILURES", isFigure: true), .init("REASON"),
            ],
            rows: servers.map { server in
                [
                    server.upstream, server.address, server.state, server.isHealthy ? "up" : "down",
                    FigureText.whole(server.active), FigureText.whole(server.connections),
                    FigureText.whole(server.failuresTotal), server.reason ?? "",
                ]
            })
    }
}
