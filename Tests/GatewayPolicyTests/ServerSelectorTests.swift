import GatewayConfig
import GatewayPolicy
import NIOCore
import Testing

@Suite("Server selection")
struct ServerSelectorTests {
    static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    static func selector(
        _ balance: UpstreamConfiguration.Balance, weights: [Int], maxConnections: Int = 0
    ) -> ServerSelector {
        ServerSelector(
            upstream: UpstreamConfiguration(
                name: "chat", balance: balance,
                servers: weights.enumerated().map { index, weight in
                    ServerConfiguration(
                        address: .tcp(host: "10.0.0.\(index)", port: 9001), weight: weight,
                        maxConnections: maxConnections)
                }))
    }

    static func pick(
        _ selector: ServerSelector, _ count: Int, excluding: Set<Int> = [], now: NIODeadline = now
    ) throws -> [ServerPermit] {
        try (0..<count).map { _ in try selector.pick(excluding: excluding, now: now).get() }
    }

    @Test(arguments: [
        ([1], [0, 0, 0]),
        ([1, 1, 1], [0, 1, 2, 0, 1, 2]),
        ([5, 1, 1], [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]),
        ([3, 2], [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]),
    ])
    func smoothWeightedRoundRobin(weights: [Int], expected: [Int]) throws {
        let permits = try Self.pick(Self.selector(.roundRobin, weights: weights), expected.count)
        #expect(permits.map(\.server) == expected)
    }

    @Test func leastConnectionsEqualsTakeTurns() throws {
        let selector = Self.selector(.leastConnections, weights: [1, 1, 1])
        // Released at once, so that all are always equal.
        let servers = try (0..<6).map { _ in try Self.pick(selector, 1)[0].server }
        #expect(servers == [0, 1, 2, 0, 1, 2])
    }

    @Test func leastConnectionsForTheWeight() throws {
        let selector = Self.selector(.leastConnections, weights: [3, 1])
        let permits = try Self.pick(selector, 8)
        #expect(permits.count { $0.server == 0 } == 6)
        #expect(permits.count { $0.server == 1 } == 2)
    }

    @Test func leastConnectionsGoesWherePlacesCameFree() throws {
        let selector = Self.selector(.leastConnections, weights: [1, 1])
        let permits = try Self.pick(selector, 4)
        permits.filter { $0.server == 1 }.forEach { $0.release() }
        #expect(try Self.pick(selector, 2).map(\.server) == [1, 1])
    }

    @Test(arguments: UpstreamConfiguration.Balance.allCases)
    func serversTriedAlreadyAreLeftOut(balance: UpstreamConfiguration.Balance) throws {
        let selector = Self.selector(balance, weights: [1, 1])
        #expect(try Self.pick(selector, 3, excluding: [0]).map(\.server) == [1, 1, 1])
        #expect(selector.pick(excluding: [0, 1], now: Self.now).failure == .noneLeft)
    }

    @Test(arguments: UpstreamConfiguration.Balance.allCases)
    func aServerNeverGetsMoreThanItsMaximum(balance: UpstreamConfiguration.Balance) throws {
        let selector = Self.selector(balance, weights: [9, 1], maxConnections: 2)
        let permits = try Self.pick(selector, 4)
        #expect(selector.snapshot().map(\.active) == [2, 2])
        #expect(selector.pick(now: Self.now).failure == .allAtCapacity)
        #expect(selector.pick(excluding: [0], now: Self.now).failure == .allAtCapacity)
        let freed = try #require(permits.first)
        freed.release()
        #expect(try Self.pick(selector, 1).map(\.server) == [freed.server])
    }

    @Test func failuresAreRefusalsOfTheirOwn() {
        #expect(SelectionFailure.allAtCapacity.refusal.status == 503)
        #expect(SelectionFailure.noneLeft.refusal.status == 502)
    }

    @Test func aServerThatFailedRests() throws {
        let selector = Self.selector(.roundRobin, weights: [1, 1])
        selector.failed(server: 0, now: Self.now, jitter: 1)
        #expect(try Self.pick(selector, 3).map(\.server) == [1, 1, 1])
        #expect(selector.snapshot().map(\.healthy) == [false, true])
        #expect(selector.snapshot().map(\.failuresTotal) == [1, 0])
    }

    @Test func afterItsRestOneConnectionASecondTriesIt() throws {
        let selector = Self.selector(.leastConnections, weights: [1, 1])
        selector.failed(server: 0, now: Self.now, jitter: 1)
        let busy = try Self.pick(selector, 5)
        let rested = Self.now + .seconds(1)
        let probe = try Self.pick(selector, 3, now: rested)
        #expect(probe.map(\.server) == [0, 1, 1])
        #expect(try Self.pick(selector, 1, now: rested + .seconds(1)).map(\.server) == [0])
        selector.succeeded(server: 0)
        let later = try Self.pick(selector, 3, now: rested + .seconds(1))
        #expect(later.map(\.server) == [0, 0, 0])
        #expect(busy.count == 5)
    }

    @Test func failuresUnderWayTogetherAreOneStep() throws {
        let selector = Self.selector(.roundRobin, weights: [1, 1])
        for _ in 0..<10 { selector.failed(server: 0, now: Self.now, jitter: 1) }
        #expect(selector.snapshot()[0].failuresTotal == 10)
        let servers = try Self.pick(selector, 2, now: Self.now + .seconds(1)).map(\.server)
        #expect(servers.contains(0))
    }

    @Test func eachFailureAfterARestMakesTheNextLonger() {
        let selector = Self.selector(.roundRobin, weights: [1, 1])
        var now = Self.now
        for seconds in [1, 2, 4, 8, 16, 30, 30] as [Int64] {
            selector.failed(server: 0, now: now, jitter: 1)
            let early = (0..<2).map { _ in selector.pick(now: now + .seconds(seconds) - .nanoseconds(1)).server }
            #expect(early == [1, 1])
            now = now + .seconds(seconds)
            #expect((0..<2).map { _ in selector.pick(now: now).server }.contains(0))
        }
    }

    @Test func whenAllRestTheOneWhoseRestEndsFirstIsTried() throws {
        let selector = Self.selector(.roundRobin, weights: [1, 1, 1])
        selector.failed(server: 0, now: Self.now + .milliseconds(20), jitter: 1)
        selector.failed(server: 1, now: Self.now, jitter: 1)
        selector.failed(server: 2, now: Self.now + .milliseconds(10), jitter: 1)
        let now = Self.now + .milliseconds(30)
        #expect(selector.pick(now: now).server == 1)
        #expect(selector.pick(excluding: [1], now: now).server == 2)
        #expect(selector.pick(excluding: [0, 1, 2], now: now).failure == .noneLeft)
    }

    @Test func onePermitIsOnePlace() throws {
        let selector = Self.selector(.leastConnections, weights: [1])
        do {
            let permit = try selector.pick(now: Self.now).get()
            #expect(selector.snapshot()[0].active == 1)
            permit.release()
            permit.release()
            #expect(selector.snapshot()[0].active == 0)
        }
        _ = try selector.pick(now: Self.now).get()
        #expect(selector.snapshot()[0].active == 0)
    }

    @Test func anIndexThatDoesNotExistIsIgnored() {
        let selector = Self.selector(.roundRobin, weights: [1])
        selector.failed(server: 5, now: Self.now, jitter: 0)
        selector.succeeded(server: -1)
        #expect(
            selector.snapshot() == [ServerState(address: "10.0.0.0:9001", healthy: true, active: 0, failuresTotal: 0)])
    }

    @Test func manyThreadsNeverPassTheMaximumAndReturnEveryPlace() async {
        let selector = Self.selector(.leastConnections, weights: [2, 1], maxConnections: 5)
        let most = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var most = 0
                    var held: [ServerPermit] = []
                    for step in 0..<500 {
                        if case .success(let permit) = selector.pick(now: Self.now) { held.append(permit) }
                        most = max(most, selector.snapshot().map(\.active).max() ?? 0)
                        if step % 3 == 0 { held.removeAll() }
                        if step % 50 == 0 { await Task.yield() }
                    }
                    return most
                }
            }
            return await group.reduce(0) { max($0, $1) }
        }
        #expect((1...5).contains(most))
        #expect(selector.snapshot().map(\.active) == [0, 0])
    }
}

extension Result where Success == ServerPermit, Failure == SelectionFailure {
    fileprivate var failure: SelectionFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }

    fileprivate var server: Int? {
        if case .success(let permit) = self { permit.server } else { nil }
    }
}
