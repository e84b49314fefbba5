import Testing

@testable import GatewayCommands

/// What a gateway answers, cut down to what is shown.
enum Answers {
    static let stats = """
        {"version":"0.1.0","uptime_seconds":7500.5,"draining":false,"resident_memory_bytes":47185920,"new_key":[1],
        "connections":{"active":3,"accepted_total":10,"closed_total":7,"rejected_total":{"no_route":1,"max_connections":2}},
        "routes":{"chat_room":{"active":3,"max_connections":3,"accepted_total":10,
        "messages":{"from_client":{"text":5,"binary":1},"to_client":{"text":7,"binary":0}},
        "bytes":{"from_client":100,"to_client":2048},"requests":{"total":4},
        "handshake_seconds":{"count":10,"p50":0.001,"p99":0.004}},"admin":{"active":0,"handshake_seconds":{"count":0,"p50":0,"p99":0}}},
        "upstreams":{"chat":{"servers":{"10.0.0.5:9001":{"healthy":true,"active":3,"connections":3,"failures_total":0},
        "10.0.0.6:9001":{"state":"draining","healthy":false,"active":0,"connections":1,"failures_total":4,
        "check":{"state":"unhealthy","reason":"connection refused"}}}}}}
        """

    static let connections = """
        [{"id":42,"request_id":"x","client":"192.0.2.7:5555","listener":"public","route":"chat_room",
        "server":"10.0.0.5:9001","protocol":{"client":"h2","server":"http/1.1"},"age_seconds":192.4,
        "messages":{"from_client":5,"to_client":7},"bytes":{"from_client":100,"to_client":2048},
        "compression":"permessage-deflate","queue":{"to_client":10,"to_server":20}},
        {"id":43,"client":"192.0.2.8:1","route":"echo"}]
        """

    static func reading(time: Double = 0, _ change: (String) -> String = { $0 }) throws -> TopReading {
        TopReading(
            time: time, stats: try #require(StatsReading(json: Array(change(stats).utf8))),
            connections: ConnectionReading.list(json: Array(connections.utf8)))
    }
}

@Suite struct ReadingTests {
    @Test func statsAreRead() throws {
        let stats = try Answers.reading().stats
        #expect(stats.rejectedTotal == ["no_route": 1, "max_connections": 2])
        #expect(stats.routes.map(\.name) == ["admin", "chat_room"])
        let chat = stats.routes[1]
        #expect(chat.messagesIn == 6 && chat.messagesOut == 7 && chat.bytesOut == 2048 && chat.p99 == 0.004)
        #expect(stats.servers.map(\.address) == ["10.0.0.5:9001", "10.0.0.6:9001"])
        #expect(stats.servers[1].reason == "connection refused" && stats.servers[1].state == "draining")
    }

    @Test(arguments: ["", "{}", "[]", "<html>", "{\"version\":1}"])
    func whatIsNoAnswerIsNotRead(text: String) {
        #expect(StatsReading(json: Array(text.utf8)) == nil)
        #expect(text == "[]" || ConnectionReading.list(json: Array(text.utf8)) == nil)
    }

    @Test func theReportHasEachRouteAndServer() throws {
        let text = StatsReport(try Answers.reading().stats, address: "127.0.0.1:9901").text
        #expect(
            text == """
                sluice 0.1.0 at 127.0.0.1:9901: serving, up 2h05m, 45.0MiB of memory
                WebSockets: 3 open, 10 accepted, 7 closed
                refused: max_connections 2, no_route 1

                ROUTE      OPEN  CAP  ACCEPTED  MSGS IN  MSGS OUT   IN      OUT  REQUESTS     P50     P99
                admin         0    -         0        0         0    0        0         0       -       -
                chat_room     3    3        10        6         7  100  2.00KiB         4  1.00ms  4.00ms

                UPSTREAM  SERVER         STATE     HEALTH  OPEN  CONNECTIONS  FAILURES  REASON
                chat      10.0.0.5:9001  active    up         3            3         0
                chat      10.0.0.6:9001  draining  down       0            1         4  connection refused
                """)
    }

    @Test func theListHasALineForEachWebSocket() throws {
        let connections = try #require(try Answers.reading().connections)
        let lines = ConnectionsReport(connections).text.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(
            lines[1]
                == "42  192.0.2.7:5555  chat_room  10.0.0.5:9001  h2 > http/1.1  3m12s        5         7  100  2.00KiB      30  permessage-deflate"
        )
        #expect(ConnectionsReport([]).text == "no connections")
    }
}
