import GatewayConfig
import GatewayPolicy
import HTTPTypes
import NIOCore
import Testing

@Suite("Balances by chance and by key, groups and slow starts")
struct ServerBalanceTests {
    static let now = ServerSelectorTests.now

    static func upstream(
        _ balance: UpstreamConfiguration.Balance, servers: [Int], weight: (Int) -> Int = { _ in 1 }
    ) -> UpstreamConfiguration {
        UpstreamConfiguration(
            name: "chat", balance: balance,
            servers: servers.map {
                ServerConfiguration(address: ServerSelectorTests.address($0), weight: weight($0))
            })
    }

    static func groups(_ priorities: [Int], maxConnections: Int = 0) -> NumberedServers {
        var upstream = upstream(.leastConnections, servers: Array(priorities.indices))
        for index in priorities.indices {
            upstream.servers[index].priority = priorities[index]
            upstream.servers[index].maxConnections = maxConnections
        }
        return NumberedServers(upstream)
    }

    /// Where each of many keys goes while no connection is open.
    static func homes(of selector: NumberedServers, keys: Int = 5000, excluding: Set<Int> = []) -> [Int?] {
        (0..<keys).map { selector.pick(excluding: excluding, key: key($0), now: now).number }
    }

    static func key(_ number: Int) -> UInt64 {
        // As a request has it, not random bits.
        let target = try? RequestTarget("/rooms/\(number)")
        return target.map {
            SelectionKey.make(.path, target: $0, authority: "", fields: [:], client: .ipv4(1))
        } ?? 0
    }

    // MARK: random_two

    @Test func theLessLoadedOfTwoGetsTheConnection() throws {
        let selector = NumberedServers(Self.upstream(.randomTwo, servers: [0, 1]))
        let permits = try ServerSelectorTests.pick(selector, 10)
        #expect(selector.snapshot().map(\.active) == [5, 5])
        #expect(permits.count == 10)
    }

    @Test func twoByChanceKeepManyServersEvenByWeight() throws {
        let selector = NumberedServers(Self.upstream(.randomTwo, servers: Array(0..<10)) { $0 == 0 ? 4 : 1 })
        let permits = try ServerSelectorTests.pick(selector, 1300)
        let active = selector.snapshot().map(\.active)
        #expect((360...440).contains(active[0]), "\(active)")
        #expect(active.dropFirst().allSatisfy { (85...115).contains($0) }, "\(active)")
        #expect(permits.count == 1300)
    }

    // MARK: hash

    @Test func aKeyAlwaysGoesToTheSameServer() {
        let upstream = Self.upstream(.hash(.path), servers: Array(0..<10))
        var turned = upstream
        turned.servers.reverse()
        let homes = Self.homes(of: NumberedServers(upstream), keys: 200)
        #expect(homes == Self.homes(of: NumberedServers(turned), keys: 200))
        // Fixed for all times: instances of different versions stand beside each other.
        #expect(homes.prefix(12) == Self.expectedHomes[...])
    }

    /// Reckoned by another program.
    static let expectedHomes: [Int?] = [4, 8, 8, 0, 4, 7, 7, 6, 2, 2, 4, 3]

    @Test func eachServerIsTheHomeOfItsShareOfTheKeys() {
        let selector = NumberedServers(Self.upstream(.hash(.path), servers: [0, 1, 2, 3]) { $0 + 1 })
        let homes = Self.homes(of: selector, keys: 10_000)
        for server in 0..<4 {
            let share = homes.count { $0 == server }
            let fair = 1000 * (server + 1)
            #expect((fair - 150...fair + 150).contains(share), "server \(server) has \(share) keys")
        }
    }

    @Test("when one of ten servers goes, its keys alone move; when it comes, they come back")
    func onlyTheKeysOfAServerMoveWithIt() {
        let before = Self.homes(of: NumberedServers(Self.upstream(.hash(.path), servers: Array(0..<10))))
        let after = Self.homes(of: NumberedServers(Self.upstream(.hash(.path), servers: [0, 1, 2, 3, 5, 6, 7, 8, 9])))
        let moved = zip(before, after).filter { $0 != $1 }
        #expect(moved.allSatisfy { $0.0 == 4 })
        #expect(moved.count == before.count { $0 == 4 })
        #expect((420...580).contains(moved.count), "\(moved.count) of 5000 keys moved")
        // They are spread, rather than all going to one neighbour.
        #expect(Set(moved.map(\.1)).count == 9)
    }

    @Test("with connections open, a tenth of the keys moves, and what the bound sends elsewhere")
    func loadMovesNoMoreThanTheSurplus() throws {
        func homes(_ servers: [Int]) throws -> (homes: [Int?], surplus: Int) {
            let selector = NumberedServers(Self.upstream(.hash(.path), servers: servers))
            var permits: [ServerPermit] = []
            for number in 0..<2000 {
                permits.append(try selector.pick(key: Self.key(number), now: Self.now).get())
            }
            let free = Self.homes(of: NumberedServers(selector.upstream), keys: 2000)
            let found = permits.map(\.number)
            return (found, zip(free, found).count { $0 != $1 })
        }
        let before = try homes(Array(0..<10))
        let after = try homes(Array(0..<9))
        let moved = zip(before.homes, after.homes).count { $0 != $1 }
        #expect(moved <= 240 + before.surplus + after.surplus, "\(moved) moved")
        #expect(before.surplus < 200 && after.surplus < 200, "\(before.surplus), \(after.surplus)")
    }

    @Test func noServerTakesMoreThanAQuarterAboveItsShare() throws {
        let selector = NumberedServers(Self.upstream(.hash(.path), servers: [0, 1, 2, 3]) { $0 == 3 ? 2 : 1 })
        var permits: [ServerPermit] = []
        var excess = 0.0
        for count in 1...1000 {
            permits.append(try selector.pick(key: 7, now: Self.now).get())
            let active = selector.snapshot().map(\.active)
            for (server, weight) in [1.0, 1, 1, 2].enumerated() {
                excess = max(excess, Double(active[server]) - 1.25 * Double(count) * weight / 5)
            }
        }
        #expect(excess < 1, "a place that is shared counts as a whole one")
        // One key alone fills the first servers of its order up to the bound.
        let active = selector.snapshot().map(\.active)
        #expect(active.max() == 500 || active.sorted().dropFirst().max() == 250, "\(active)")
    }

    @Test func aServerThatTakesNothingIsPassedOverForTheNextOfTheKey() throws {
        let selector = NumberedServers(Self.upstream(.hash(.path), servers: Array(0..<5)))
        let home = try #require(selector.pick(key: 3, now: Self.now).number)
        let next = try #require(selector.pick(excluding: [home], key: 3, now: Self.now).number)
        #expect(next != home)
        _ = selector.records[home].setDrained(true)
        #expect(selector.pick(key: 3, now: Self.now).number == next)
        _ = selector.records[home].setDrained(false)
        selector.failed(server: home, now: Self.now, jitter: 1)
        #expect(selector.pick(key: 3, now: Self.now).number == next)
        selector.succeeded(server: home)
        #expect(selector.pick(key: 3, now: Self.now).number == home)
        var full = selector.upstream
        full.servers[home].maxConnections = 1
        let capped = NumberedServers(full)
        let permit = try capped.pick(key: 3, now: Self.now).get()
        #expect(permit.number == home)
        #expect(capped.pick(key: 3, now: Self.now).number == next)
    }

    // MARK: Groups

    @Test func aLaterGroupIsForWhenAnEarlierOneTakesNothing() throws {
        let selector = Self.groups([0, 0, 1, 7])
        let permits = try ServerSelectorTests.pick(selector, 6)
        #expect(selector.snapshot().map(\.active) == [3, 3, 0, 0])
        _ = selector.records[0].setDrained(true)
        #expect(try ServerSelectorTests.pick(selector, 2).map(\.number) == [1, 1])
        selector.failed(server: 1, now: Self.now, jitter: 1)
        #expect(try ServerSelectorTests.pick(selector, 2).map(\.number) == [2, 2])
        #expect(try ServerSelectorTests.pick(selector, 1, excluding: [2]).map(\.number) == [3])
        // When all rest, the first rest to end counts, whatever the group.
        selector.failed(server: 2, now: Self.now + .milliseconds(10), jitter: 1)
        selector.failed(server: 3, now: Self.now + .milliseconds(20), jitter: 1)
        let later = Self.now + .milliseconds(30)
        #expect(selector.pick(now: later).number == 1)
        selector.succeeded(server: 1)
        #expect(try ServerSelectorTests.pick(selector, 2, now: later).map(\.number) == [1, 1])
        #expect(permits.count == 6)
    }

    @Test func aGroupIsFullWhenAllOfItAre() throws {
        let selector = Self.groups([0, 0, 1], maxConnections: 2)
        let permits = try ServerSelectorTests.pick(selector, 5)
        #expect(permits.map(\.number).prefix(4).sorted { ($0 ?? 0) < ($1 ?? 0) } == [0, 0, 1, 1])
        #expect(permits.last?.number == 2)
        permits.first?.release()
        #expect(selector.pick(now: Self.now).number == permits.first?.number)
    }

    // MARK: Slow starts

    static func slow(_ balance: UpstreamConfiguration.Balance) -> NumberedServers {
        var upstream = upstream(balance, servers: [0, 1])
        upstream.slowStart = .seconds(90)
        return NumberedServers(upstream)
    }

    @Test(arguments: [(0, 10), (45, 55), (90, 100), (900, 100)])
    func aNewServerGetsItsWeightLittleByLittle(seconds: Int64, percent: Int) throws {
        let selector = Self.slow(.roundRobin)
        selector.records[1].joined(now: Self.now)
        let count = 100 + percent
        let numbers = try ServerSelectorTests.pick(selector, 10 * count, now: Self.now + .seconds(seconds)).map(
            \.number)
        #expect(numbers.count { $0 == 1 } == 10 * percent)
    }

    @Test func aServerThatRecoversIsNotFlooded() throws {
        let selector = Self.slow(.leastConnections)
        selector.failed(server: 1, now: Self.now, jitter: 1)
        let first = try ServerSelectorTests.pick(selector, 100)
        #expect(selector.snapshot().map(\.active) == [100, 0])
        selector.succeeded(server: 1)
        let second = try ServerSelectorTests.pick(selector, 32)
        #expect(selector.snapshot().map(\.active) == [120, 12])
        let third = try ServerSelectorTests.pick(selector, 108, now: Self.now + .seconds(90))
        #expect(selector.snapshot().map(\.active) == [120, 120])
        #expect(first.count + second.count + third.count == 240)
    }

    @Test func aServerThatNeverFailedHasItsFullWeightFromTheStart() throws {
        let selector = Self.slow(.leastConnections)
        selector.succeeded(server: 1)
        let permits = try ServerSelectorTests.pick(selector, 10)
        #expect(selector.snapshot().map(\.active) == [5, 5])
        #expect(permits.count == 10)
    }
}
