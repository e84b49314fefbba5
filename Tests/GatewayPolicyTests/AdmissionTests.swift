import GatewayConfig
import GatewayPolicy
import NIOCore
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
