/// What `sluice connections` prints: a line for each WebSocket.
public struct ConnectionsReport: Sendable {
    private let connections: [ConnectionReading]

    public init(_ connections: [ConnectionReading]) {
        self.connections = connections
    }

    public var text: String {
        guard !connections.isEmpty else { return "no connections" }
        return TextTable(
            columns: [
                .init("ID", isFigure: true), .init("CLIENT"), .init("ROUTE"), .init("SERVER"), .init("PROTOCOLS"),
                .init("AGE", isFigure: true), .init("MSGS IN", isFigure: true), .init("MSGS OUT", isFigure: true),
                .init("IN", isFigure: true), .init("OUT", isFigure: true), .init("QUEUED", isFigure: true),
                .init("COMPRESSION"),
            ],
            rows: connections.map { connection in
                [
                    String(connection.id), connection.client, connection.route, connection.server,
                    connection.protocols, FigureText.age(connection.ageSeconds),
                    FigureText.count(connection.messagesIn), FigureText.count(connection.messagesOut),
                    FigureText.bytes(connection.bytesIn), FigureText.bytes(connection.bytesOut),
                    FigureText.bytes(connection.queuedBytes), connection.compression,
                ]
            }
        ).lines().joined(separator: "\n")
    }
}
