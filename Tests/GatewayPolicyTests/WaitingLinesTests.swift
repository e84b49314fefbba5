import GatewayPolicy
import Synchronization
import Testing

@Suite("Waiting for places that are shared between threads")
struct WaitingLinesTests {
    /// So many places, which know their line.
    final class Places: Sendable {
        struct State {
            var taken = 0
            var most = 0
        }

        let cap: Int
        let lines = WaitingLines<Int, Place>()
        private let state = Mutex(State())

        init(_ cap: Int) { self.cap = cap }

        var taken: Int { state.withLock { $0.taken } }
        var most: Int { state.withLock { $0.most } }

        func attempt() -> WaitingLines<Int, Place>.Attempt {
            state.withLock { state in
                guard state.taken < cap else { return .full }
                state.taken += 1
                state.most = max(state.most, state.taken)
                return .place(Place(self))
            }
        }

        func enter(
            _ key: Int = 0, group: String = "a", size: Int = .max,
            tell: @escaping @Sendable (Result<Place, Refusal>) -> Void = { _ in }
        ) -> WaitingLines<Int, Place>.Entry {
            lines.enter(
                key, group: group, size: size, orElse: .routeMaxConnections, attempt: { [self] in attempt() },
                tell: tell)
        }

        func giveBack() {
            state.withLock { $0.taken -= 1 }
            lines.placeIsFree()
        }
    }

    /// Given back when it is dropped.
    final class Place: Sendable {
        private let places: Places
        init(_ places: Places) { self.places = places }
        deinit { places.giveBack() }
    }

    /// What was told, in its order.
    final class Told: Sendable {
        private let entries = Mutex<[(name: String, result: Result<Place, Refusal>)]>([])

        func teller(_ name: String) -> @Sendable (Result<Place, Refusal>) -> Void {
            { result in self.entries.withLock { $0.append((name, result)) } }
        }

        var names: [String] { entries.withLock { $0.map(\.name) } }
        var refusals: [Refusal?] {
            entries.withLock { entries in
                entries.map { if case .failure(let refusal) = $0.result { refusal } else { nil } }
            }
        }

        /// The places that were told are given back, the first one first.
        func dropFirst() {
            let dropped = entries.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            _ = dropped
        }
    }

    static func place(_ entry: WaitingLines<Int, Place>.Entry) throws -> Place {
        guard case .place(let place) = entry else { throw Unexpected() }
        return place
    }

    static func ticket(_ entry: WaitingLines<Int, Place>.Entry) throws -> WaitingTicket {
        guard case .waiting(let ticket) = entry else { throw Unexpected() }
        return ticket
    }

    static func refusal(_ entry: WaitingLines<Int, Place>.Entry) -> Refusal? {
        if case .refused(let refusal) = entry { refusal } else { nil }
    }

    struct Unexpected: Error {}

    @Test func theFirstWhoWaitsGetsThePlaceThatIsGivenBack() throws {
        let places = Places(1)
        let told = Told()
        var held: Place? = try Self.place(places.enter())
        let tickets = try ["a", "b", "c"].map { try Self.ticket(places.enter(tell: told.teller($0))) }
        #expect(places.lines.count(0) == 3)
        #expect(told.names == [])
        held = nil
        #expect(told.names == ["a"])
        #expect(places.taken == 1)
        told.dropFirst()
        #expect(told.names == ["b"])
        told.dropFirst()
        #expect(told.names == ["c"])
        #expect(places.lines.count(0) == 0)
        #expect(!places.lines.isAnyoneWaiting)
        told.dropFirst()
        #expect(places.taken == 0)
        _ = held
        withExtendedLifetime(tickets) {}
    }

    @Test func whoComesLaterDoesNotOvertake() throws {
        let places = Places(2)
        let told = Told()
        var first: Place? = try Self.place(places.enter())
        let second = try Self.place(places.enter())
        let ticket = try Self.ticket(places.enter(tell: told.teller("waits")))
        first = nil
        // The place is that of the one who waited, though it may not know yet.
        #expect(places.taken == 2)
        #expect(Self.refusal(places.enter(size: 0)) == .routeMaxConnections)
        let behind = try Self.ticket(places.enter(tell: told.teller("behind")))
        #expect(told.names == ["waits"])
        _ = first
        withExtendedLifetime((second, ticket, behind)) {}
    }

    @Test func theLineIsBoundedForEachGroupAndKey() throws {
        let places = Places(1)
        let held = try Self.place(places.enter())
        let tickets = try (0..<3).map { _ in try Self.ticket(places.enter(size: 3)) }
        #expect(Self.refusal(places.enter(size: 3)) == .routeMaxConnections)
        let other = try Self.ticket(places.enter(group: "b", size: 1))
        #expect(Self.refusal(places.enter(group: "b", size: 1)) == .routeMaxConnections)
        let otherLine = try Self.ticket(places.enter(1, size: 1))
        tickets[1].leave()
        let again = try Self.ticket(places.enter(size: 3))
        #expect(Self.refusal(places.enter(size: 3)) == .routeMaxConnections)
        #expect(places.lines.count(0) == 4)
        #expect(places.lines.count(1) == 1)
        withExtendedLifetime((held, tickets, other, otherLine, again)) {}
    }

    @Test func whoLeftIsPassedOver() throws {
        let places = Places(1)
        let told = Told()
        var held: Place? = try Self.place(places.enter())
        var tickets: [WaitingTicket?] = try ["a", "b", "c", "d"].map {
            try Self.ticket(places.enter(tell: told.teller($0)))
        }
        #expect(tickets[0]?.leave() == true)
        #expect(tickets[0]?.leave() == false)
        #expect(tickets[0]?.refusal == .routeMaxConnections)
        // A ticket that is dropped leaves too.
        tickets[1] = nil
        held = nil
        #expect(told.names == ["c"])
        #expect(tickets[2]?.leave() == false)
        #expect(tickets[3]?.leave() == true)
        told.dropFirst()
        #expect(told.names == [])
        #expect(places.taken == 0)
        #expect(!places.lines.isAnyoneWaiting)
        _ = held
    }

    @Test func whoIsRefusedWhileWaitingIsToldSo() throws {
        let lines = WaitingLines<Int, Int>()
        let results = Mutex<[Result<Int, Refusal>]>([])
        let outcome = Mutex(WaitingLines<Int, Int>.Attempt.full)
        var tickets: [WaitingTicket] = []
        for _ in 0..<2 {
            let entry = lines.enter(
                0, group: "a", size: 5, orElse: .routeMaxRequests, attempt: { outcome.withLock { $0 } },
                tell: { result in results.withLock { $0.append(result) } })
            if case .waiting(let ticket) = entry { tickets.append(ticket) }
        }
        #expect(tickets.count == 2)
        outcome.withLock { $0 = .refused(.noServer) }
        lines.placeIsFree(1)
        #expect(results.withLock { $0 } == [])
        lines.placeIsFree(0)
        #expect(results.withLock { $0 } == [.failure(.noServer), .failure(.noServer)])
    }

    @Test func whenNobodyMayWaitAnyMoreAllAreTold() throws {
        let places = Places(1)
        let told = Told()
        let held = try Self.place(places.enter())
        let tickets = try [0, 1, 0].map { try Self.ticket(places.enter($0, tell: told.teller("\($0)"))) }
        places.lines.refuseAll(.draining)
        #expect(told.names.sorted() == ["0", "0", "1"])
        #expect(told.refusals == [.draining, .draining, .draining])
        #expect(!places.lines.isAnyoneWaiting)
        #expect(tickets.allSatisfy { !$0.leave() })
        withExtendedLifetime(held) {}
    }

    @Test("a cap that was raised lets those go on who wait, when the next one comes")
    func aCapThatWasRaised() throws {
        let lines = WaitingLines<Int, Int>()
        let cap = Mutex(0)
        let told = Mutex<[Int]>([])
        let attempt: @Sendable () -> WaitingLines<Int, Int>.Attempt = {
            cap.withLock { cap in
                guard cap > 0 else { return .full }
                cap -= 1
                return .place(cap)
            }
        }
        func enter(_ number: Int) -> WaitingLines<Int, Int>.Entry {
            lines.enter(
                0, group: "a", size: 5, orElse: .routeMaxRequests, attempt: attempt,
                tell: { _ in told.withLock { $0.append(number) } })
        }
        let waiting = (0..<2).map { enter($0) }
        cap.withLock { $0 = 3 }
        guard case .place = enter(2) else { throw Unexpected() }
        #expect(told.withLock { $0 } == [0, 1])
        withExtendedLifetime(waiting) {}
    }

    @Test("those who give their places back at once are not told one inside the other")
    func manyWhoGiveBackAtOnce() throws {
        let places = Places(1)
        let count = Mutex(0)
        let depth = Mutex((now: 0, most: 0))
        var held: Place? = try Self.place(places.enter())
        let tickets = try (0..<100_000).map { _ in
            try Self.ticket(
                places.enter { result in
                    depth.withLock { $0 = (now: $0.now + 1, most: max($0.most, $0.now + 1)) }
                    count.withLock { $0 += 1 }
                    _ = consume result
                    depth.withLock { $0.now -= 1 }
                })
        }
        held = nil
        #expect(count.withLock { $0 } == 100_000)
        #expect(depth.withLock { $0.most } == 1)
        #expect(places.taken == 0)
        _ = held
        withExtendedLifetime(tickets) {}
    }

    /// What a client of the stress does: comes, waits, perhaps leaves while it waits, holds its place for a while.
    static func come(to places: Places, leaves: Bool) async -> Bool {
        let box = Mutex<WaitingTicket?>(nil)
        let place: Place? = await withCheckedContinuation { continuation in
            let entry = places.enter { result in continuation.resume(returning: try? result.get()) }
            switch entry {
            case .place(let place): continuation.resume(returning: place)
            case .refused: continuation.resume(returning: nil)
            case .waiting(let ticket):
                if leaves, ticket.leave() { return continuation.resume(returning: nil) }
                box.withLock { $0 = ticket }
            }
        }
        guard let place else { return false }
        await Task.yield()
        withExtendedLifetime(place) {}
        return true
    }

    @Test("on many threads no place is lost, none is taken twice, and all who stay get one")
    func onManyThreads() async {
        let places = Places(3)
        let served = await withTaskGroup(of: Int.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var served = 0
                    for step in 0..<500 where await Self.come(to: places, leaves: (task + step) % 5 == 0) {
                        served += 1
                    }
                    return served
                }
            }
            return await group.reduce(0, +)
        }
        // Those that leave may have been told already, and then have a place as well.
        #expect((6400...8000).contains(served))
        #expect(places.most <= 3)
        #expect(places.taken == 0)
        #expect(!places.lines.isAnyoneWaiting)
        #expect(places.lines.count(0) == 0)
    }
}
