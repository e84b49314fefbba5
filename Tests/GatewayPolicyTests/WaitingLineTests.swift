import TestSupport
import Testing

@testable import GatewayPolicy

@Suite("A waiting line")
struct WaitingLineTests {
    static func line(_ count: Int, group: String = "a") -> WaitingLine<Int> {
        var line = WaitingLine<Int>()
        for number in 0..<count { line.join(number, as: UInt64(number), group: group) }
        return line
    }

    static func rest(_ line: WaitingLine<Int>) -> [Int] {
        var line = line
        var rest: [Int] = []
        while let first = line.removeFirst() { rest.append(first) }
        return rest
    }

    @Test(
        "the first to come is the first to go, whoever leaves",
        arguments: [
            ([], [0, 1, 2, 3, 4]), ([0], [1, 2, 3, 4]), ([4], [0, 1, 2, 3]), ([2], [0, 1, 3, 4]),
            ([0, 1, 2], [3, 4]), ([4, 0, 3, 1], [2]), ([0, 1, 2, 3, 4], []),
        ] as [([UInt64], [Int])])
    func order(leaving: [UInt64], expected: [Int]) {
        var line = Self.line(5)
        for number in leaving { #expect(line.leave(number) == Int(number)) }
        #expect(line.count == expected.count)
        #expect(line.isEmpty == expected.isEmpty)
        #expect(line.first == expected.first)
        #expect(Self.rest(line) == expected)
    }

    @Test func nobodyLeavesTwice() {
        var line = Self.line(2)
        #expect(line.leave(1) == 1)
        #expect(line.leave(1) == nil)
        #expect(line.leave(7) == nil)
        #expect(line.removeFirst() == 0)
        #expect(line.leave(0) == nil)
        #expect(line.removeFirst() == nil)
        #expect(line.first == nil)
    }

    @Test func groupsAreCounted() {
        var line = WaitingLine<Int>()
        for number in UInt64(0)..<6 { line.join(Int(number), as: number, group: number % 3 == 0 ? "a" : "b") }
        #expect([line.count(of: "a"), line.count(of: "b"), line.count(of: "c")] == [2, 4, 0])
        _ = line.leave(3)
        _ = line.removeFirst()
        #expect([line.count(of: "a"), line.count(of: "b")] == [0, 4])
        #expect(Self.rest(line) == [1, 2, 4, 5])
    }

    @Test("of those who left, no more are kept than wait, and some")
    func thoseWhoLeftAreForgotten() {
        var line = Self.line(1000)
        for number in UInt64(1)..<999 { _ = line.leave(number) }
        #expect(line.kept <= 2 * 2 + 32)
        #expect(Self.rest(line) == [0, 999])
        // Also behind one who never leaves, and behind a head that moves on.
        var steady = WaitingLine<Int>()
        steady.join(-1, as: 0, group: "a")
        for number in UInt64(1)...10_000 {
            steady.join(Int(number), as: number, group: "a")
            _ = steady.leave(number)
            #expect(steady.kept <= 2 * 2 + 32)
        }
        var moving = WaitingLine<Int>()
        for number in UInt64(0)..<10_000 {
            moving.join(Int(number), as: number, group: "a")
            if number >= 10 { #expect(moving.removeFirst() == Int(number) - 10) }
            #expect(moving.kept <= 2 * 11 + 33)
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func asAListWouldHaveIt(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var line = WaitingLine<Int>()
        var list: [Int] = []
        for number in 0..<2000 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                line.join(number, as: UInt64(number), group: "a")
                list.append(number)
            case 2:
                let chosen = Int.random(in: 0...number, using: &generator)
                let isThere = list.contains(chosen)
                list.removeAll { $0 == chosen }
                #expect((line.leave(UInt64(chosen)) != nil) == isThere)
            default:
                #expect(line.removeFirst() == (list.isEmpty ? nil : list.removeFirst()))
            }
            #expect(line.count == list.count && line.count(of: "a") == list.count)
        }
        #expect(Self.rest(line) == list)
    }
}
