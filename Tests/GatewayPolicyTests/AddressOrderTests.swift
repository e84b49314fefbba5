import NIOCore
import Testing

@testable import GatewayPolicy

@Suite("The order in which a server's addresses are tried (RFC 8305 §4)")
struct AddressOrderTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// Those with a colon are IPv6.
    private func order(_ addresses: String...) -> AddressOrder<String> {
        var order = AddressOrder<String>()
        order.update(addresses.map { ($0, $0.contains(":")) })
        return order
    }

    @Test(
        "families take turns, the first one's first",
        arguments: [
            (["::1", "::2", "::3", "a", "b"], ["::1", "a", "::2", "b", "::3"]),
            (["a", "b", "::1"], ["a", "::1", "b"]),
            (["a", "b"], ["a", "b"]), (["a", "a", "b"], ["a", "b"]), (["a"], ["a"]), ([], []),
        ])
    func families(found: [String], expected: [String]) {
        var order = AddressOrder<String>()
        order.update(found.map { ($0, $0.contains(":")) })
        #expect(order.order(now: now) == expected)
    }

    @Test("that which worked last comes first, and stays there when it is found again")
    func worked() {
        var order = order("a", "b", "c")
        order.worked("c")
        #expect(order.order(now: now) == ["c", "a", "b"])
        order.update([("b", false), ("c", false), ("d", false)])
        #expect(order.order(now: now) == ["c", "b", "d"])
        order.update([("a", false), ("b", false)])
        order.update([("a", false), ("b", false), ("c", false)])
        #expect(order.order(now: now) == ["a", "b", "c"])
    }

    @Test("those that failed come last for a while, the earlier one first")
    func failed() {
        var order = order("a", "b", "c")
        order.failed("b", now: now)
        order.failed("a", now: now + .seconds(1))
        #expect(order.order(now: now + .seconds(2)) == ["c", "b", "a"])
        #expect(order.order(now: now + AddressOrder<String>.rest) == ["b", "c", "a"])
        #expect(order.order(now: now + .seconds(60)) == ["a", "b", "c"])
        order.worked("a")
        #expect(order.order(now: now + .seconds(2)) == ["a", "c", "b"])
        order.failed("a", now: now + .seconds(2))
        #expect(order.order(now: now + .seconds(3)) == ["c", "b", "a"])
    }

    @Test("a lookup that finds nothing changes nothing, and unknown addresses are not remembered")
    func nothingFound() {
        var order = order("a", "b")
        order.update([])
        order.failed("x", now: now)
        order.worked("x")
        #expect(order.order(now: now) == ["a", "b"])
    }

    @Test("no more than the limit are kept")
    func limit() {
        var order = AddressOrder<String>()
        order.update((0..<1000).map { ("\($0)", $0 % 3 == 0) })
        #expect(order.order(now: now).count == AddressOrder<String>.limit)
    }
}
