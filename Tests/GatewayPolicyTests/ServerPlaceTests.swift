import GatewayConfig
import GatewayPolicy
import NIOCore
import Synchronization
import Testing

@Suite("Waiting for a place on a server")
struct ServerPlaceTests {
    typealias Entry = ServerSelector.Lines.Entry

    /// Servers with so many places each, and those who wait for them.
    struct Servers {
        let lines = ServerSelector.Lines()
        let records: [ServerRecord]
        let selector: ServerSelector
        let told = Told()

        init(caps: [Int]) {
            let addresses = caps.indices.map(ServerSelectorTests.address)
            let records = addresses.map { [lines] in ServerRecord(address: $0, lines: lines) }
            self.records = records
            selector = Self.selector(caps: caps, records)
        }

        static func selector(caps: [Int], _ records: [ServerRecord]) -> ServerSelector {
            let upstream = UpstreamConfiguration(
                name: "chat",
                servers: caps.enumerated().map { index, cap in
                    ServerConfiguration(address: ServerSelectorTests.address(index), maxConnections: cap)
                })
            return ServerSelector(Array(zip(upstream.servers, records)), of: upstream, seed: 1)
        }

        func place(size: Int? = 9, route: String = "chat", by selector: ServerSelector? = nil) -> Entry {
            (selector ?? self.selector).place(
                for: RouteConfiguration(
                    name: route, action: .upstream("chat"), queue: size.map { QueueConfiguration(size: $0) }),
                in: lines, clock: { ServerSelectorTests.now }, tell: told.tell)
        }
    }

    final class Told: Sendable {
        private let results = Mutex<[Result<ServerPermit, Refusal>]>([])
        var tell: ServerSelector.Lines.Tell { { result in self.results.withLock { $0.append(result) } } }
        var servers: [Int?] {
            results.withLock { $0.map { if case .success(let permit) = $0 { permit.number } else { nil } } }
        }
        var count: Int { results.withLock { $0.count } }
    }

    static func permit(_ entry: Entry) -> ServerPermit? { if case .place(let permit) = entry { permit } else { nil } }
    static func ticket(_ entry: Entry) -> WaitingTicket? {
        if case .waiting(let ticket) = entry { ticket } else { nil }
    }
    static func refusal(_ entry: Entry) -> Refusal? { if case .refused(let refusal) = entry { refusal } else { nil } }

    @Test func aPlaceOnAnyServerIsForTheFirstWhoWaits() throws {
        let servers = Servers(caps: [1, 1])
        let permits = try (0..<2).map { _ in try #require(Self.permit(servers.place())) }
        let tickets = (0..<2).map { _ in Self.ticket(servers.place()) }
        #expect(tickets.allSatisfy { $0?.refusal == .serverMaxConnections })
        // Nobody else gets it, with or without a queue.
        permits[1].release()
        #expect(servers.told.servers == [permits[1].number])
        #expect(Self.refusal(servers.place(size: nil)) == .serverMaxConnections)
        permits[0].release()
        #expect(servers.told.servers == [permits[1].number, permits[0].number])
        #expect(!servers.lines.isAnyoneWaiting)
    }

    @Test func eachRouteHasItsOwnRoomInTheLine() throws {
        let servers = Servers(caps: [1])
        let held = try #require(Self.permit(servers.place()))
        let tickets = [
            Self.ticket(servers.place(size: 1, route: "a")), Self.ticket(servers.place(size: 1, route: "b")),
        ]
        #expect(tickets.allSatisfy { $0 != nil })
        #expect(Self.refusal(servers.place(size: 1, route: "a")) == .serverMaxConnections)
        #expect(Self.refusal(servers.place(size: nil, route: "c")) == .serverMaxConnections)
        withExtendedLifetime(held) {}
    }

    @Test func whereNoServerIsThereNobodyWaits() {
        let servers = Servers(caps: [0])
        _ = servers.records[0].setDrained(true)
        #expect(Self.refusal(servers.place()) == .noServer)
        #expect(Self.refusal(servers.place(size: nil)) == .noServer)
    }

    @Test func aServerThatComesBackHasPlaces() throws {
        let servers = Servers(caps: [1, 1])
        _ = servers.records[0].setDrained(true)
        let held = try #require(Self.permit(servers.place()))
        #expect(held.number == 1)
        let ticket = Self.ticket(servers.place())
        _ = servers.records[0].setDrained(false)
        #expect(servers.told.servers == [0])
        withExtendedLifetime((held, ticket)) {}
    }

    @Test func aServerThatIsHealthyAgainHasPlaces() throws {
        let servers = Servers(caps: [1, 1])
        let check = HealthCheck()
        for _ in 0..<check.unhealthyAfter {
            _ = servers.records[0].checked(.init(failure: "down", seconds: 0), by: check, now: ServerSelectorTests.now)
        }
        let held = try #require(Self.permit(servers.place()))
        #expect(held.number == 1)
        let ticket = Self.ticket(servers.place())
        for _ in 0..<check.healthyAfter {
            _ = servers.records[0].checked(.init(failure: nil, seconds: 0), by: check, now: ServerSelectorTests.now)
        }
        #expect(servers.told.servers == [0])
        withExtendedLifetime((held, ticket)) {}
    }

    @Test("when the last server goes, those who wait are told")
    func theLastServerGoes() throws {
        let servers = Servers(caps: [1])
        let held = try #require(Self.permit(servers.place()))
        let ticket = Self.ticket(servers.place())
        _ = servers.records[0].setDrained(true)
        #expect(servers.told.servers == [nil])
        withExtendedLifetime((held, ticket)) {}
    }

    @Test func thoseOfTwoConfigurationsWaitForTheSameServers() throws {
        let servers = Servers(caps: [1])
        let newer = Servers.selector(caps: [1], servers.records)
        let held = try #require(Self.permit(servers.place()))
        let tickets = [Self.ticket(servers.place()), Self.ticket(servers.place(by: newer))]
        #expect(tickets.allSatisfy { $0 != nil })
        held.release()
        #expect(servers.told.servers == [0])
        withExtendedLifetime(tickets) {}
    }
}
