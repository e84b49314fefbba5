import GatewayConfig
import GatewayPolicy
import NIOCore
import Testing

@Suite("Server selection")
struct ServerSelectorTests {
    static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    static let balances: [UpstreamConfiguration.Balance] = [
        .roundRobin, .leastConnections, .randomTwo, .hash(.ip),
    ]

    static func address(_ index: Int) -> Address { .tcp(host: "10.0.0.\(index)", port: 9001) }

    static func selector(
        _ balance: UpstreamConfiguration.Balance, weights: [Int], maxConnections: Int = 0
    ) -> NumberedServers {
        NumberedServers(
            UpstreamConfiguration(
                name: "chat", balance: balance,
                servers: weights.enumerated().map { index, weight in
                    ServerConfiguration(address: address(index), weight: weight, maxConnections: maxConnections)
                }))
    }

    static func pick(
        _ selector: NumberedServers, _ count: Int, excluding: Set<Int> = [], now: NIODeadline = now
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
        #expect(permits.map(\.number) == expected)
    }

    @Test func leastConnectionsEqualsTakeTurns() throws {
        let selector = Self.selector(.leastConnections, weights: [1, 1, 1])
        // Released at once, so that all are always equal.
        let servers = try (0..<6).map { _ in try Self.pick(selector, 1)[0].number }
        #expect(servers == [0, 1, 2, 0, 1, 2])
    }

    @Test func leastConnectionsForTheWeight() throws {
        let selector = Self.selector(.leastConnections, weights: [3, 1])
        let permits = try Self.pick(selector, 8)
        #expect(permits.count { $0.number == 0 } == 6)
        #expect(permits.count { $0.number == 1 } == 2)
    }

    @Test func leastConnectionsGoesWherePlacesCameFree() throws {
        let selector = Self.selector(.leastConnections, weights: [1, 1])
        let permits = try Self.pick(selector, 4)
        permits.filter { $0.number == 1 }.forEach { $0.release() }
        #expect(try Self.pick(selector, 2).map(\.number) == [1, 1])
    }

    @Test(arguments: ServerSelectorTests.balances)
    func serversTriedAlreadyAreLeftOut(balance: UpstreamConfiguration.Balance) throws {
        let selector = Self.selector(balance, weights: [1, 1])
        #expect(try Self.pick(selector, 3, excluding: [0]).map(\.number) == [1, 1, 1])
        #expect(selector.pick(excluding: [0, 1], now: Self.now).failure == .noneLeft)
    }

    @Test(arguments: ServerSelectorTests.balances)
    func aServerNeverGetsMoreThanItsMaximum(balance: UpstreamConfiguration.Balance) throws {
        let selector = Self.selector(balance, weights: [9, 1], maxConnections: 2)
        let permits = try Self.pick(selector, 4)
        #expect(selector.snapshot().map(\.active) == [2, 2])
        #expect(selector.pick(now: Self.now).failure == .allAtCapacity)
        #expect(selector.pick(excluding: [0], now: Self.now).failure == .allAtCapacity)
        let freed = try #require(permits.first)
        freed.release()
        #expect(try Self.pick(selector, 1).map(\.number) == [freed.number])
    }

    @Test func failuresAreRefusalsOfTheirOwn() {
        #expect(SelectionFailure.allAtCapacity.refusal.status == 503)
        #expect(SelectionFailure.noneLeft.refusal.status == 502)
    }

    @Test func aServerThatFailedRests() throws {
        let selector = Self.selector(.roundRobin, weights: [1, 1])
        selector.failed(server: 0, now: Self.now, jitter: 1)
        #expect(try Self.pick(selector, 3).map(\.number) == [1, 1, 1])
        #expect(selector.snapshot().map(\.healthy) == [false, true])
        #expect(selector.snapshot().map(\.failuresTotal) == [1, 0])
    }

    @Test func afterItsRestOneConnectionASecondTriesIt() throws {
        let selector = Self.selector(.leastConnections, weights: [1, 1])
        selector.failed(server: 0, now: Self.now, jitter: 1)
        let busy = try Self.pick(selector, 5)
        let rested = Self.now + .seconds(1)
        let probe = try Self.pick(selector, 3, now: rested)
        #expect(probe.map(\.number) == [0, 1, 1])
        #expect(try Self.pick(selector, 1, now: rested + .seconds(1)).map(\.number) == [0])
        selector.succeeded(server: 0)
        let later = try Self.pick(selector, 3, now: rested + .seconds(1))
        #expect(later.map(\.number) == [0, 0, 0])
        #expect(busy.count == 5)
    }

    @Test func failuresUnderWayTogetherAreOneStep() throws {
        let selector = Self.selector(.roundRobin, weights: [1, 1])
        for _ in 0..<10 { selector.failed(server: 0, now: Self.now, jitter: 1) }
        #expect(selector.snapshot()[0].failuresTotal == 10)
        let servers = try Self.pick(selector, 2, now: Self.now + .seconds(1)).map(\.number)
        #expect(servers.contains(0))
    }

    @Test func eachFailureAfterARestMakesTheNextLonger() {
        let selector = Self.selector(.roundRobin, weights: [1, 1])
        var now = Self.now
        for seconds in [1, 2, 4, 8, 16, 30, 30] as [Int64] {
            selector.failed(server: 0, now: now, jitter: 1)
            let early = (0..<2).map { _ in selector.pick(now: now + .seconds(seconds) - .nanoseconds(1)).number }
            #expect(early == [1, 1])
            now = now + .seconds(seconds)
            #expect((0..<2).map { _ in selector.pick(now: now).number }.contains(0))
        }
    }

    @Test func whenAllRestTheOneWhoseRestEndsFirstIsTried() throws {
        let selector = Self.selector(.roundRobin, weights: [1, 1, 1])
        selector.failed(server: 0, now: Self.now + .milliseconds(20), jitter: 1)
        selector.failed(server: 1, now: Self.now, jitter: 1)
        selector.failed(server: 2, now: Self.now + .milliseconds(10), jitter: 1)
        let now = Self.now + .milliseconds(30)
        #expect(selector.pick(now: now).number == 1)
        #expect(selector.pick(excluding: [1], now: now).number == 2)
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

    @Test func whatIsKnownOfServersOutlivesTheSelector() throws {
        let first = Self.selector(.leastConnections, weights: [1, 1])
        let permits = try Self.pick(first, 2)
        first.failed(server: 0, now: Self.now, jitter: 1)
        var fewer = first.upstream
        fewer.servers.append(ServerConfiguration(address: Self.address(2)))
        let second = NumberedServers(fewer, records: first.records)
        #expect(second.snapshot().map(\.active) == [1, 1, 0])
        #expect(second.snapshot().map(\.healthy) == [false, true, true])
        #expect(try Self.pick(second, 2).map(\.number) == [2, 1])
        #expect(permits.count == 2)
    }

    @Test(arguments: [ServerConfiguration.State.draining, .down])
    func aServerThatIsNotActiveGetsNothing(state: ServerConfiguration.State) throws {
        var upstream = Self.selector(.leastConnections, weights: [1, 1]).upstream
        upstream.servers[0].state = state
        #expect(try Self.pick(NumberedServers(upstream), 3).map(\.number) == [1, 1, 1])
        upstream.servers[1].state = state
        #expect(NumberedServers(upstream).pick(now: Self.now).failure == .noneLeft)
    }

    @Test func aServerThatIsDrainedGetsNothingUntilItIsNot() throws {
        let selector = Self.selector(.roundRobin, weights: [1, 1])
        #expect(selector.records[0].setDrained(true))
        #expect(!selector.records[0].setDrained(true))
        #expect(try Self.pick(selector, 3).map(\.number) == [1, 1, 1])
        #expect(selector.records[0].setDrained(false))
        #expect(try Self.pick(selector, 2).map(\.number).contains(0))
    }

    @Test func aServerThatCannotBeReachedRestsBeforeAClientFails() throws {
        let selector = Self.selector(.roundRobin, weights: [1, 1])
        let record = selector.records[0]
        let second = TimeAmount.seconds(1)
        func isDue(_ now: NIODeadline) -> Bool {
            record.isLookDue(interval: .seconds(10), whileUnreachable: second, now: now)
        }
        #expect(isDue(Self.now))
        #expect(record.looked(isReachable: false, now: Self.now, jitter: 1))
        #expect(!record.looked(isReachable: false, now: Self.now, jitter: 1))
        #expect(record.isUnreachable)
        #expect(selector.snapshot().map(\.failuresTotal) == [0, 0])
        #expect(selector.snapshot().map(\.healthy) == [false, true])
        #expect(try Self.pick(selector, 2).map(\.number) == [1, 1])
        #expect(!isDue(Self.now + .milliseconds(999)))
        #expect(isDue(Self.now + second))
        #expect(record.looked(isReachable: true, now: Self.now + second, jitter: 1))
        #expect(selector.snapshot().map(\.healthy) == [true, true])
        #expect(!isDue(Self.now + second + .seconds(9)))
        #expect(isDue(Self.now + second + .seconds(10)))
    }

    @Test("a connection alone does not mend what a server's answer has broken")
    func aConnectionIsNoAnswer() {
        let record = ServerRecord(address: Self.address(0))
        record.failed(now: Self.now, jitter: 1)
        #expect(!record.looked(isReachable: true, now: Self.now, jitter: 1))
        #expect(!record.snapshot(now: Self.now).healthy)
        record.failed(isUnreachable: true, now: Self.now + .seconds(5), jitter: 1)
        #expect(record.looked(isReachable: true, now: Self.now + .seconds(5), jitter: 1))
        #expect(record.snapshot(now: Self.now + .seconds(5)).healthy)
    }

    // MARK: Servers that come and go

    static func members(_ numbers: [Int], records: [ServerRecord], weight: Int = 1) -> [ServerSelector.Member] {
        numbers.map { (ServerConfiguration(address: address($0), weight: weight), records[$0]) }
    }

    @Test(
        "those that come are chosen, those that went are not, and what is known of the rest remains",
        arguments: balances)
    func followsWhoComesAndGoes(balance: UpstreamConfiguration.Balance) throws {
        let upstream = UpstreamConfiguration(name: "chat", balance: balance, servers: [])
        let records = (0..<4).map { ServerRecord(address: Self.address($0)) }
        let selector = ServerSelector(Self.members([0, 1], records: records), of: upstream, seed: 1)
        var permits = try (0..<20).map { _ in try selector.pick(now: Self.now).get() }
        let before = records.map { $0.snapshot(now: Self.now).active }
        #expect(before[2...] == [0, 0])
        records[1].failed(now: Self.now, jitter: 1)
        selector.follow(Self.members([1, 2, 3], records: records))
        permits += try (0..<20).map { _ in try selector.pick(now: Self.now).get() }
        let after = records.map { $0.snapshot(now: Self.now).active }
        #expect(after[0] == before[0], "it has left, and keeps its places")
        #expect(after[1] == before[1], "it rests")
        #expect(after[2] > 0 && after[3] > 0 && after.reduce(0, +) == 40)
        permits.removeAll()
        #expect(records.allSatisfy { $0.snapshot(now: Self.now).active == 0 })
        selector.follow([])
        #expect(selector.pick(now: Self.now).failure == .noneLeft)
    }

    @Test("turns are even among those that came at different times")
    func turnsAreEven() throws {
        let upstream = UpstreamConfiguration(name: "chat", balance: .roundRobin, servers: [])
        let records = (0..<12).map { ServerRecord(address: Self.address($0)) }
        let selector = ServerSelector(Self.members([0, 1], records: records, weight: 5), of: upstream, seed: 1)
        for last in 2..<12 {
            _ = try (0..<7).map { _ in try selector.pick(now: Self.now).get() }
            selector.follow(Self.members([last - 1, last], records: records, weight: 5))
        }
        let numbers = try (0..<6).map { _ in try selector.pick(now: Self.now).get().number }
        #expect(numbers.count { $0 == 11 } == 3)
    }

    @Test func aServerMayBeCalledSomethingElse() {
        let record = ServerRecord(address: Self.address(0))
        #expect(!record.rename(Self.address(0)))
        #expect(record.rename(Self.address(1)))
        #expect(record.address == Self.address(1))
    }

    @Test("whether a server is known to be reachable")
    func knownReachable() {
        let record = ServerRecord(address: Self.address(0))
        #expect(!record.isKnownReachable)
        _ = record.looked(isReachable: true, now: Self.now, jitter: 1)
        #expect(record.isKnownReachable)
        // A broken handshake had a connection.
        record.failed(now: Self.now, jitter: 1)
        #expect(record.isKnownReachable)
        record.failed(isUnreachable: true, now: Self.now, jitter: 1)
        #expect(!record.isKnownReachable)
        record.succeeded(now: Self.now)
        #expect(record.isKnownReachable)
        for _ in 0..<3 {
            _ = record.checked(.init(failure: "no", seconds: 0), by: HealthCheck(kind: .tcp), now: Self.now)
        }
        #expect(!record.isKnownReachable)
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

/// A selector whose servers are called by their place in the configuration.
struct NumberedServers: Sendable {
    let upstream: UpstreamConfiguration
    let records: [ServerRecord]
    let selector: ServerSelector

    init(_ upstream: UpstreamConfiguration, records known: [ServerRecord] = []) {
        let records = upstream.servers.map { server in
            known.first { $0.address == server.address } ?? ServerRecord(address: server.address)
        }
        self.upstream = upstream
        self.records = records
        selector = ServerSelector(Array(zip(upstream.servers, records)), of: upstream, seed: 1)
    }

    func pick(excluding: Set<Int> = [], key: UInt64 = 0, now: NIODeadline) -> Result<ServerPermit, SelectionFailure> {
        selector.pick(excluding: Set(excluding.map { ServerSelectorTests.address($0) }), key: key, now: now)
    }

    func failed(server: Int, now: NIODeadline, jitter: Double) { records[server].failed(now: now, jitter: jitter) }

    func succeeded(server: Int) { records[server].succeeded(now: ServerSelectorTests.now) }

    func snapshot() -> [ServerState] { records.map { $0.snapshot(now: ServerSelectorTests.now) } }
}

extension ServerPermit {
    var number: Int? {
        guard case .tcp(let host, _) = server.address else { return nil }
        return host.split(separator: ".").last.flatMap { Int($0) }
    }
}

extension Result where Success == ServerPermit, Failure == SelectionFailure {
    fileprivate var failure: SelectionFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }

    var number: Int? {
        if case .success(let permit) = self { permit.number } else { nil }
    }
}
