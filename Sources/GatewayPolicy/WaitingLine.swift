/// Those who wait for one kind of place, the first to come first. Anyone can leave from anywhere in the line.
///
/// What is done takes constant time, spread over many calls: who left is passed over later, and no more of those are kept
/// than wait.
struct WaitingLine<Waiter: Sendable>: Sendable {
    typealias Number = UInt64

    private var waiters: [Number: (waiter: Waiter, group: String)] = [:]
    /// By rising number; from `head` on, with those who left in between.
    private var order: [Number] = []
    private var head = 0
    private var counts: [String: Int] = [:]

    var isEmpty: Bool { waiters.isEmpty }
    var count: Int { waiters.count }

    /// How many of one group wait.
    func count(of group: String) -> Int { counts[group] ?? 0 }

    /// - Parameters:
    ///   - number: higher than those of all who came before.
    ///   - group: whose room in the line is counted.
    mutating func join(_ waiter: Waiter, as number: Number, group: String) {
        waiters[number] = (waiter, group)
        order.append(number)
        counts[group, default: 0] += 1
    }

    /// nil: nobody of that number waits.
    mutating func leave(_ number: Number) -> Waiter? {
        guard let (waiter, group) = waiters.removeValue(forKey: number) else { return nil }
        let left = count(of: group) - 1
        counts[group] = left > 0 ? left : nil
        forgetThoseWhoLeft()
        return waiter
    }

    var first: Waiter? {
        mutating get { firstNumber().flatMap { waiters[$0]?.waiter } }
    }

    mutating func removeFirst() -> Waiter? {
        firstNumber().flatMap { leave($0) }
    }

    private mutating func firstNumber() -> Number? {
        while head < order.count {
            if waiters[order[head]] != nil { return order[head] }
            head += 1
        }
        return nil
    }

    private mutating func forgetThoseWhoLeft() {
        guard order.count > 2 * waiters.count + 32 else { return }
        order = order[head...].filter { waiters[$0] != nil }
        head = 0
    }

    /// How many numbers are kept.
    var kept: Int { order.count }
}
