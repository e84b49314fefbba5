import Testing

@testable import Gateway

@Suite struct MemoryReturnTests {
    @Test("memory is given back once a quarter of the connections, and no fewer than 64, have gone")
    func waitsForMany() {
        var memory = MemoryReturn()
        let few = [0, 63, 0, 25, 63, 0].map { memory.isDue(connections: $0, latestPeak: $0) }
        #expect(few == Array(repeating: false, count: 6))
        // At 3,000 and 2,250 and 0; once each.
        let many = [4000, 3001, 3000, 3000, 2251, 2250, 0, 0].map { memory.isDue(connections: $0, latestPeak: $0) }
        #expect(many == [false, false, true, false, false, true, true, false])
    }

    @Test(
        "fewer are given back once none follows",
        arguments: [
            ([100, 84, 84, 84], [false, false, true, false]),
            ([100, 85, 85, 84, 84], [false, false, false, false, true]),
            ([100, 90, 80, 70, 60, 60], [false, false, false, false, false, true]),
            ([100, 84, 85, 84, 85], [false, false, false, false, false]),
        ] as [([Int], [Bool])])
    func followsTheLast(looks: [Int], expected: [Bool]) {
        var memory = MemoryReturn()
        let found = looks.map { memory.isDue(connections: $0, latestPeak: $0) }
        #expect(found == expected)
    }

    @Test("but not while others come and go between the looks")
    func coming() {
        var memory = MemoryReturn()
        let looks = (0..<100).map { _ in memory.isDue(connections: 100, latestPeak: 130) }
        #expect(!looks.contains(true))
        let isDueThen = memory.isDue(connections: 100, latestPeak: 100)
        #expect(isDueThen)
    }

    @Test("connections that came and went between two looks count as well")
    func countsWhatWasMissed() {
        var memory = MemoryReturn()
        let looks = [(0, 63), (0, 64), (0, 0), (10, 500), (10, 10)].map {
            memory.isDue(connections: $0.0, latestPeak: $0.1)
        }
        #expect(looks == [false, true, false, true, false])
    }
}
