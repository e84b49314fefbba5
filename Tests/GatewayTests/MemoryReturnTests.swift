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

    @Test("connections that came and went between two looks count as well")
    func countsWhatWasMissed() {
        var memory = MemoryReturn()
        let looks = [(0, 63), (0, 64), (0, 0), (10, 500), (10, 10)].map {
            memory.isDue(connections: $0.0, latestPeak: $0.1)
        }
        #expect(looks == [false, true, false, true, false])
    }
}
