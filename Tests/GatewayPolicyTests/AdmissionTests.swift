import GatewayConfig
import GatewayPolicy
import NIOCore
import Synchronization
import Testing

@Suite("Admission")
struct AdmissionTests {
    static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    static let client = ClientAddress.ipv4(0x0A00_0001)
    static let other = ClientAddress.ipv4(0x0A00_0002)

    static func admission(
        total: Int = 0, perIP: Int = 0, rate: Int = 0, routes: [(total: Int, perIP: Int)] = [(0, 0)]
    ) -> CappedAdmission {
        var limits = ProcessLimits()
        limits.maxConnections = total
        limits.maxConnectionsPerIP = perIP
        limits.maxHandshakesPerSecond = rate
        return CappedAdmission(
            limits: limits,
            routes: routes.enumerated().map { index, caps in
                RouteConfiguration(
                    name: "route \(index)", action: .upstream("any"), maxConnections: caps.total,
                    maxConnectionsPerIP: caps.perIP)
            })
    }

    static func refusal(_ result: Result<Permit, Refusal>) -> Refusal? {
        if case .failure(let refusal) = result { refusal } else { nil }
    }

    @Test func theProcessCap() throws {
        let admission = Self.admission(total: 2, routes: [(0, 0), (0, 0)])
        let first = try admission.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
        let second = try admission.admit(route: 1, clientAddress: Self.other, now: Self.now).get()
        #expect(Self.refusal(admission.admit(route: 0, clientAddress: .unix, now: Self.now)) == .maxConnections)
        first.release()
        let third = try admission.admit(route: 0, clientAddress: .unix, now: Self.now).get()
        #expect(admission.activeConnections == 2)
        second.release()
        third.release()
        #expect(admission.activeConnections == 0)
        #expect(admission.takePeak() == 2)
        #expect(admission.takePeak() == 0)
    }

    @Test func theCapOfAClientAddress() throws {
        let admission = Self.admission(perIP: 1, routes: [(0, 0), (0, 0)])
        let permit = try admission.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
        let refused = admission.admit(route: 1, clientAddress: Self.client, now: Self.now)
        #expect(Self.refusal(refused) == .maxConnectionsPerIP)
        #expect(Self.refusal(admission.admit(route: 1, clientAddress: Self.other, now: Self.now)) == nil)
        permit.release()
        #expect(Self.refusal(admission.admit(route: 1, clientAddress: Self.client, now: Self.now)) == nil)
    }

    @Test func theCapOfARoute() throws {
        let admission = Self.admission(routes: [(1, 0), (0, 0)])
        let permit = try admission.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
        let refused = admission.admit(route: 0, clientAddress: Self.other, now: Self.now)
        #expect(Self.refusal(refused) == .routeMaxConnections)
        #expect(Self.refusal(admission.admit(route: 1, clientAddress: Self.other, now: Self.now)) == nil)
        permit.release()
    }

    @Test func theCapOfAClientAddressOnARoute() throws {
        let admission = Self.admission(routes: [(0, 1), (0, 1)])
        let permit = try admission.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
        let refused = admission.admit(route: 0, clientAddress: Self.client, now: Self.now)
        #expect(Self.refusal(refused) == .routeMaxConnectionsPerIP)
        #expect(Self.refusal(admission.admit(route: 0, clientAddress: Self.other, now: Self.now)) == nil)
        #expect(Self.refusal(admission.admit(route: 1, clientAddress: Self.client, now: Self.now)) == nil)
        permit.release()
    }

    @Test func anIPv6ClientIsCountedByIts64() throws {
        let admission = Self.admission(perIP: 1)
        let permit = try admission.admit(route: 0, clientAddress: .ipv6(7, 1), now: Self.now).get()
        let neighbour = admission.admit(route: 0, clientAddress: .ipv6(7, 2), now: Self.now)
        #expect(Self.refusal(neighbour) == .maxConnectionsPerIP)
        #expect(Self.refusal(admission.admit(route: 0, clientAddress: .ipv6(8, 1), now: Self.now)) == nil)
        permit.release()
    }

    @Test func unixPeersAreNotCountedByAddress() throws {
        let admission = Self.admission(perIP: 1, routes: [(0, 1)])
        let permits = try (0..<5).map { _ in try admission.admit(route: 0, clientAddress: .unix, now: Self.now).get() }
        #expect(admission.activeConnections == permits.count)
    }

    @Test func theRateOfHandshakes() {
        let admission = Self.admission(rate: 2)
        func attempt(_ time: NIODeadline) -> Refusal? {
            Self.refusal(admission.admit(route: 0, clientAddress: Self.client, now: time))
        }
        #expect((0..<3).map { _ in attempt(Self.now) } == [nil, nil, .handshakeRate])
        #expect(attempt(Self.now + .milliseconds(499)) == .handshakeRate)
        #expect(attempt(Self.now + .milliseconds(501)) == nil)
    }

    @Test func aRefusedHandshakeHoldsNoPlace() throws {
        let admission = Self.admission(total: 5, perIP: 5, routes: [(1, 0)])
        let permit = try admission.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
        for _ in 0..<10 { _ = admission.admit(route: 0, clientAddress: Self.client, now: Self.now) }
        #expect(admission.activeConnections == 1)
        permit.release()
        #expect(Self.refusal(admission.admit(route: 0, clientAddress: Self.client, now: Self.now)) == nil)
    }

    @Test func drainingRefusesEveryHandshake() throws {
        let admission = Self.admission()
        let permit = try admission.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
        admission.startDraining()
        #expect(admission.isDraining)
        #expect(Self.refusal(admission.admit(route: 0, clientAddress: Self.client, now: Self.now)) == .draining)
        #expect(admission.activeConnections == 1)
        permit.release()
        #expect(admission.activeConnections == 0)
    }

    @Test func whatIsInUseOutlivesTheCaps() throws {
        let first = Self.admission(total: 5, routes: [(3, 0), (0, 0)])
        let permits = try (0..<3).map { _ in try first.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
        }
        var fewer = first
        fewer.routes[0].maxConnections = 2
        fewer.routes[1].name = "another"
        #expect(Self.refusal(fewer.admit(route: 0, clientAddress: Self.client, now: Self.now)) == .routeMaxConnections)
        #expect(Self.refusal(fewer.admit(route: 1, clientAddress: Self.client, now: Self.now)) == nil)
        fewer.limits.maxConnections = 1
        #expect(Self.refusal(fewer.admit(route: 1, clientAddress: Self.client, now: Self.now)) == .maxConnections)
        #expect(first.activeConnections == 3)
        permits.forEach { $0.release() }
        let again = try (0..<2).map { _ in
            try fewer.admission.admit(
                route: fewer.routes[0], limits: first.limits, clientAddress: Self.client, now: Self.now
            ).get()
        }
        #expect(again.count == 2)
    }

    @Test func anotherRateOfHandshakesIsAnotherBucket() {
        var admission = Self.admission(rate: 1)
        func attempt() -> Refusal? {
            Self.refusal(admission.admit(route: 0, clientAddress: Self.client, now: Self.now))
        }
        #expect([attempt(), attempt()] == [nil, .handshakeRate])
        admission.limits.maxHandshakesPerSecond = 2
        #expect([attempt(), attempt(), attempt()] == [nil, nil, .handshakeRate])
    }

    @Test func aPermitGivesItsPlaceBackOnce() throws {
        let admission = Self.admission()
        let kept = try admission.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
        do {
            let permit = try admission.admit(route: 0, clientAddress: Self.client, now: Self.now).get()
            permit.release()
            permit.release()
            #expect(admission.activeConnections == 1)
        }
        #expect(admission.activeConnections == 1)
        kept.release()
    }

    @Test func aForgottenPermitGivesItsPlaceBack() {
        let admission = Self.admission(total: 1)
        for _ in 0..<3 {
            #expect(Self.refusal(admission.admit(route: 0, clientAddress: Self.client, now: Self.now)) == nil)
        }
        #expect(admission.activeConnections == 0)
    }

    @Test func handshakesOnManyThreadsNeverPassACap() async {
        let admission = Self.admission(total: 50, perIP: 20, routes: [(30, 10), (40, 0)])
        let mostSeen = await withTaskGroup(of: Int.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var most = 0
                    var held: [Permit] = []
                    for step in 0..<500 {
                        let address = ClientAddress.ipv4(UInt32(truncatingIfNeeded: (task + step) % 4))
                        let result = admission.admit(route: step % 2, clientAddress: address, now: Self.now)
                        if case .success(let permit) = result { held.append(permit) }
                        most = max(most, admission.activeConnections)
                        if step % 7 == 0 { held.removeAll() }
                        if step % 3 == 0 { held.popLast()?.release() }
                        if step % 50 == 0 { await Task.yield() }
                    }
                    return most
                }
            }
            return await group.reduce(0) { max($0, $1) }
        }
        #expect((1...50).contains(mostSeen))
        #expect(admission.activeConnections == 0)
        // Had a count by address or route leaked, not all of a route's places would be free again.
        var permits: [Permit] = []
        for address in 0..<6 {
            for _ in 0..<5 {
                let client = ClientAddress.ipv4(UInt32(address))
                if case .success(let permit) = admission.admit(route: 0, clientAddress: client, now: Self.now) {
                    permits.append(permit)
                }
            }
        }
        #expect(permits.count == 30)
    }
}

@Suite("Waiting for a place under the caps of a route")
struct AdmissionQueueTests {
    typealias Entry = Admission.Lines.Entry
    static let client = AdmissionTests.client

    /// What was told to whoever waited.
    final class Told: Sendable {
        private let results = Mutex<[Result<Permit, Refusal>]>([])
        var tell: Admission.Lines.Tell { { result in self.results.withLock { $0.append(result) } } }
        var refusals: [Refusal?] { results.withLock { $0.map(AdmissionTests.refusal) } }
        func drop() {
            _ = results.withLock { results in
                defer { results = [] }
                return results
            }
        }
    }

    static func route(cap: Int = 0, requests: Int = 0, perIP: Int = 0, size: Int? = 2) -> RouteConfiguration {
        RouteConfiguration(
            name: "chat", action: .upstream("any"), maxConnections: cap, maxConnectionsPerIP: perIP,
            maxRequests: requests, queue: size.map { QueueConfiguration(size: $0) })
    }

    static func admit(
        _ admission: Admission, _ route: RouteConfiguration, limits: ProcessLimits = .init(),
        client: ClientAddress = client, _ told: Told
    ) -> Entry {
        admission.admit(
            route: route, limits: limits, clientAddress: client, now: AdmissionTests.now, tell: told.tell)
    }

    static func permit(_ entry: Entry) -> Permit? { if case .place(let permit) = entry { permit } else { nil } }
    static func ticket(_ entry: Entry) -> WaitingTicket? {
        if case .waiting(let ticket) = entry { ticket } else { nil }
    }
    static func refusal(_ entry: Entry) -> Refusal? { if case .refused(let refusal) = entry { refusal } else { nil } }

    @Test func aWebSocketWaitsForTheRoutesCap() throws {
        let (admission, told) = (Admission(), Told())
        let first = try #require(Self.permit(Self.admit(admission, Self.route(cap: 1), told)))
        let tickets = try (0..<2).map { _ in try #require(Self.ticket(Self.admit(admission, Self.route(cap: 1), told)))
        }
        #expect(tickets[0].refusal == .routeMaxConnections)
        #expect(admission.waiting(for: .connections("chat")) == 2)
        #expect(Self.refusal(Self.admit(admission, Self.route(cap: 1), told)) == .routeMaxConnections)
        first.release()
        #expect(told.refusals == [nil])
        #expect(admission.waiting(for: .connections("chat")) == 1)
        told.drop()
        #expect(told.refusals == [nil])
        told.drop()
        #expect(admission.activeConnections == 0)
        #expect(admission.waiting(for: .connections("chat")) == 0)
    }

    @Test func aRequestWaitsForTheRoutesCap() throws {
        let (admission, told) = (Admission(), Told())
        let route = Self.route(requests: 1, size: 1)
        let first = try #require(Self.permit(admission.admitRequest(route: route, tell: told.tell)))
        let ticket = try #require(Self.ticket(admission.admitRequest(route: route, tell: told.tell)))
        #expect(ticket.refusal == .routeMaxRequests)
        #expect(Self.refusal(admission.admitRequest(route: route, tell: told.tell)) == .routeMaxRequests)
        // WebSockets have a line of their own.
        #expect(Self.permit(Self.admit(admission, route, told)) != nil)
        first.release()
        #expect(told.refusals == [nil])
        told.drop()
        #expect(Self.permit(admission.admitRequest(route: route, tell: told.tell)) != nil)
    }

    @Test func withoutAQueueNobodyWaits() throws {
        let (admission, told) = (Admission(), Told())
        let route = Self.route(cap: 1, requests: 1, size: nil)
        let held = try #require(Self.permit(Self.admit(admission, route, told)))
        let request = try #require(Self.permit(admission.admitRequest(route: route, tell: told.tell)))
        #expect(Self.refusal(Self.admit(admission, route, told)) == .routeMaxConnections)
        #expect(Self.refusal(admission.admitRequest(route: route, tell: told.tell)) == .routeMaxRequests)
        withExtendedLifetime((held, request)) {}
    }

    @Test func theOtherCapsRefuseAtOnceAndCountThoseWhoWait() throws {
        let (admission, told) = (Admission(), Told())
        var limits = ProcessLimits()
        limits.maxConnections = 3
        let route = Self.route(cap: 1, perIP: 2, size: 9)
        let held = try #require(Self.permit(Self.admit(admission, route, limits: limits, told)))
        var ticket = Self.ticket(Self.admit(admission, route, limits: limits, told))
        #expect(ticket != nil)
        #expect(
            Self.refusal(Self.admit(admission, route, limits: limits, told)) == .routeMaxConnectionsPerIP)
        let other = Self.ticket(
            Self.admit(admission, route, limits: limits, client: AdmissionTests.other, told))
        #expect(other != nil)
        #expect(
            Self.refusal(Self.admit(admission, route, limits: limits, client: .unix, told)) == .maxConnections)
        #expect(admission.activeConnections == 3)
        // Who leaves gives back what it held meanwhile.
        ticket = nil
        #expect(admission.activeConnections == 2)
        #expect(Self.ticket(Self.admit(admission, route, limits: limits, told)) != nil)
        withExtendedLifetime((held, other)) {}
    }

    @Test func aDrainEndsTheWaiting() throws {
        let (admission, told) = (Admission(), Told())
        let held = try #require(Self.permit(Self.admit(admission, Self.route(cap: 1), told)))
        let ticket = try #require(Self.ticket(Self.admit(admission, Self.route(cap: 1), told)))
        admission.startDraining()
        #expect(told.refusals == [.draining])
        #expect(Self.refusal(Self.admit(admission, Self.route(cap: 1), told)) == .draining)
        #expect(admission.activeConnections == 1)
        held.release()
        #expect(told.refusals == [.draining])
        #expect(admission.activeConnections == 0)
        #expect(!ticket.leave())
    }

    @Test func aReloadThatRaisesTheCapLetsNobodyWaitInVain() throws {
        let (admission, told) = (Admission(), Told())
        let held = try #require(Self.permit(Self.admit(admission, Self.route(cap: 1), told)))
        let old = Self.ticket(Self.admit(admission, Self.route(cap: 1), told))
        var new = [Self.ticket(Self.admit(admission, Self.route(cap: 5), told))]
        #expect(old?.leave() == true)
        new.append(Self.ticket(Self.admit(admission, Self.route(cap: 5), told)))
        // The one who came with the new cap went on, and who came behind it did not have to wait.
        #expect(told.refusals == [nil])
        #expect(new.map { $0 != nil } == [true, false])
        withExtendedLifetime(held) {}
    }
}

/// An admission with the caps of one configuration; routes are called by their place in it.
struct CappedAdmission: Sendable {
    let admission = Admission()
    var limits: ProcessLimits
    var routes: [RouteConfiguration]

    func admit(route: Int, clientAddress: ClientAddress, now: NIODeadline) -> Result<Permit, Refusal> {
        admission.admit(route: routes[route], limits: limits, clientAddress: clientAddress, now: now)
    }

    var activeConnections: Int { admission.activeConnections }
    var isDraining: Bool { admission.isDraining }
    func takePeak() -> Int { admission.takePeak() }
    func startDraining() { admission.startDraining() }
}
