import Testing

@testable import GatewayTelemetry

@Suite("Telemetry: every loop's counters added up")
struct TelemetryTests {
    static func telemetry(loops: Int = 2) -> Telemetry {
        Telemetry(loops: loops, version: "0.1.0")
    }

    @Test func commandsAreCountedWhereARouteHasThem() {
        let telemetry = Self.telemetry()
        let route = telemetry.acquire(route: "tool")
        for loop in 0..<2 {
            let counters = route.counters(loop: loop)
            counters.active.add(3)
            counters.activeCommands.add(2)
            counters.commandsStarted.add(5)
            counters.commandsFailed.add()
            counters.commandsRunning.add(2)
        }
        #expect(telemetry.snapshot(uptimeSeconds: 1, draining: false).routes["tool"]?.commands == nil)
        route.hasCommands.set(1)
        let tool = telemetry.snapshot(uptimeSeconds: 1, draining: false).routes["tool"]
        #expect(tool?.commands == .init(running: 4, startedTotal: 10, failedTotal: 2))
        #expect(tool?.protocols.server.http1 == 2)
        #expect(tool?.protocols.client.http1 == 6)
        let text = PrometheusText(telemetry.snapshot(uptimeSeconds: 1, draining: false)).render()
        for line in [
            "sluice_commands_running{route=\"tool\"} 4", "sluice_commands_started_total{route=\"tool\"} 10",
            "sluice_commands_failed_total{route=\"tool\"} 2",
        ] {
            #expect(text.split(separator: "\n").contains(Substring(line)))
        }
    }

    @Test func theLoopsOfARouteAddUp() {
        let telemetry = Self.telemetry()
        let route = telemetry.acquire(route: "chat")
        for loop in 0..<2 {
            let counters = route.counters(loop: loop)
            counters.accepted.add(5)
            counters.closed.add(2)
            counters.active.add(3)
            counters.bytesToClient.add(100)
            counters.compressionMemory.add(65536)
            counters.compressionMemory.subtract(1)
            counters.closed(code: 1000, by: .client)
            counters.refusedExtension("mux")
            counters.handshakes.record(microseconds: 1000)
            counters.requestBegan()
            counters.requestEnded(status: 200, bytesFromClient: 7, microseconds: 1000)
        }
        telemetry.acquire(route: "feed").counters(loop: 1).accepted.add()
        let snapshot = telemetry.snapshot(uptimeSeconds: 1, draining: false)
        let chat = snapshot.routes["chat"]
        #expect(chat?.acceptedTotal == 10)
        #expect(chat?.closedTotal == 4)
        #expect(chat?.active == 6)
        #expect(chat?.bytes.toClient == 200)
        #expect(chat?.bytes.fromClient == 0)
        #expect(chat?.compression.memoryBytes == 131070)
        #expect(chat?.closeCodes == ["client": ["1000": 2], "server": [:], "gateway": [:]])
        #expect(chat?.extensionsRefused == ["mux": 2])
        #expect(chat?.handshakeSeconds.count == 2)
        #expect(chat?.handshakeSeconds.sum == 0.002)
        #expect(chat?.requests.total == 2)
        #expect(chat?.requests.statuses["2xx"] == 2)
        #expect(chat?.requests.bytes == .init(fromClient: 14, toClient: 0))
        #expect(chat?.requests.seconds.count == 2)
        #expect(snapshot.routes["feed"]?.acceptedTotal == 1)
        #expect(snapshot.connections.acceptedTotal == 11)
        #expect(snapshot.connections.active == 6)
        #expect(snapshot.connections.closedTotal == 4)
    }

    @Test func aRouteIsFoundAgainByItsNameUntilItsLastUserLetsGo() {
        let telemetry = Self.telemetry()
        let first = telemetry.acquire(route: "chat")
        first.counters(loop: 0).accepted.add(3)
        first.counters(loop: 1).closed.add(2)
        let second = telemetry.acquire(route: "chat")
        #expect(second === first)
        telemetry.release(first)
        #expect(telemetry.snapshot(uptimeSeconds: 1, draining: false).routes["chat"]?.acceptedTotal == 3)
        telemetry.release(second)
        let gone = telemetry.snapshot(uptimeSeconds: 1, draining: false)
        #expect(gone.routes.isEmpty)
        // The totals of the process never go back.
        #expect(gone.connections.acceptedTotal == 3)
        #expect(gone.connections.closedTotal == 2)
        let again = telemetry.acquire(route: "chat")
        #expect(again !== first)
        telemetry.release(first)
        #expect(telemetry.snapshot(uptimeSeconds: 1, draining: false).routes["chat"]?.acceptedTotal == 0)
    }

    @Test("the peak of transports is that since it was last asked, and starts from those that are open")
    func thePeakOfTransports() {
        let telemetry = Self.telemetry()
        func accept(_ count: Int) { for _ in 0..<count { telemetry.counters(loop: 0).transportAccepted() } }
        accept(5)
        telemetry.counters(loop: 1).transportAccepted()
        telemetry.counters(loop: 0).transportsClosed.add(4)
        #expect(telemetry.takeTransports() == (now: 2, peak: 6))
        #expect(telemetry.takeTransports() == (now: 2, peak: 2))
        accept(1)
        telemetry.counters(loop: 0).transportsClosed.add(2)
        #expect(telemetry.takeTransports() == (now: 1, peak: 3))
    }

    @Test func transportsAreCountedByLoop() {
        let telemetry = Self.telemetry()
        for loop in 0..<2 {
            telemetry.counters(loop: loop).transportsAccepted.add(4)
            telemetry.counters(loop: loop).transportsClosed.add()
            telemetry.counters(loop: loop).handshaking.add()
        }
        let transports = telemetry.snapshot(uptimeSeconds: 1, draining: false).transports
        #expect(transports == TransportSnapshot(active: 6, acceptedTotal: 8, closedTotal: 2, handshaking: 2))
    }

    @Test func refusalsAreCountedByReason() {
        let telemetry = Self.telemetry()
        for key in ["no_route", "origin", "no_route"] { telemetry.rejected(key) }
        let snapshot = telemetry.snapshot(uptimeSeconds: 1, draining: false)
        #expect(snapshot.connections.rejectedTotal == ["no_route": 2, "origin": 1])
    }

    @Test func reasonsAreBounded() {
        let telemetry = Self.telemetry()
        for number in 0..<1000 { telemetry.rejected("reason_\(number)") }
        let rejected = telemetry.snapshot(uptimeSeconds: 1, draining: false).connections.rejectedTotal
        #expect(rejected.count == 65)
        #expect(rejected["other"] == 936)
    }

    @Test func aScrapeSeesWhatALoopCountsMeanwhile() async {
        let telemetry = Self.telemetry()
        let route = telemetry.acquire(route: "chat")
        let writers = 2
        await withTaskGroup(of: Void.self) { group in
            for loop in 0..<writers {
                group.addTask {
                    for _ in 0..<10_000 { route.counters(loop: loop).bytesFromClient.add() }
                }
            }
            group.addTask {
                var last: UInt64 = 0
                for _ in 0..<50 {
                    let bytes =
                        telemetry.snapshot(uptimeSeconds: 1, draining: false).routes["chat"]?.bytes.fromClient ?? 0
                    #expect(bytes >= last)
                    last = bytes
                }
            }
        }
        let bytes = telemetry.snapshot(uptimeSeconds: 1, draining: false).routes["chat"]?.bytes.fromClient
        #expect(bytes == 20_000)
    }

    @Test func serversOfOneAddressCountAsOne() {
        let upstream = UpstreamSnapshot(
            name: "chat",
            servers: [
                ("a:1", .init(healthy: false, active: 1, connections: 1, failuresTotal: 2)),
                ("a:1", .init(healthy: true, active: 2, connections: 2, failuresTotal: 0)),
            ])
        #expect(upstream.servers == ["a:1": .init(healthy: true, active: 3, connections: 3, failuresTotal: 2)])
    }
}
