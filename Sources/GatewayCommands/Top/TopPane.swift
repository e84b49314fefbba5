/// What `sluice top` shows at a time.
public enum TopPane: Int, CaseIterable, Sendable {
    case routes, servers, connections

    var title: String {
        switch self {
        case .routes: "routes"
        case .servers: "servers"
        case .connections: "connections"
        }
    }

    /// As the table has them.
    var columns: [TextTable.Column] {
        switch self {
        case .routes:
            [.init("ROUTE", narrowest: 8)]
                + ["OPEN", "CAP", "NEW/s", "MSG/s IN", "MSG/s OUT", "IN/s", "OUT/s", "P99"].map {
                    .init($0, isFigure: true)
                }
        case .servers:
            [
                .init("SERVER", narrowest: 12), .init("UPSTREAM", narrowest: 8), .init("STATE"), .init("HEALTH"),
                .init("OPEN", isFigure: true), .init("CONNS", isFigure: true), .init("FAILED", isFigure: true),
            ]
        case .connections:
            [
                .init("ID", isFigure: true), .init("CLIENT", narrowest: 12), .init("ROUTE", narrowest: 6),
                .init("SERVER", narrowest: 10), .init("AGE", isFigure: true), .init("MSGS", isFigure: true),
                .init("IN", isFigure: true), .init("OUT", isFigure: true), .init("QUEUE", isFigure: true),
            ]
        }
    }

    /// The column it is sorted by at first.
    var firstSort: Int {
        switch self {
        case .routes: 1
        case .servers: 4
        case .connections: 5
        }
    }
}

/// One line of a pane: what is shown, and what it is sorted by.
struct TopRow: Equatable {
    /// Texts are in order of the alphabet, figures the largest first.
    enum Key: Equatable {
        case text(String)
        case figure(Double)
    }

    var cells: [String]
    var keys: [Key]
    /// Whether something is wrong with what it shows.
    var isTrouble = false

    /// Whether this one comes first, sorted by a column.
    func precedes(_ other: TopRow, by column: Int) -> Bool {
        guard keys.indices.contains(column), other.keys.indices.contains(column) else { return false }
        switch (keys[column], other.keys[column]) {
        case (.text(let mine), .text(let others)) where mine != others: return mine < others
        case (.figure(let mine), .figure(let others)) where mine != others: return mine > others
        default: return cells.lexicographicallyPrecedes(other.cells)
        }
    }
}
