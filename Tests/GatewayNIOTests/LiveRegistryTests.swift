import Testing

@testable import GatewayNIO

@Suite("Live things, found again by name")
struct LiveRegistryTests {
    private final class Thing: Sendable {
        let name: String
        init(_ name: String) { self.name = name }
    }

    private let registry = LiveRegistry<String, Thing>()

    private func find(_ name: String) -> Thing { registry.find(name) { Thing(name) } }

    @Test("a thing is found again while somebody refers to it, and gone with the last one who does")
    func lives() {
        var first: Thing? = find("a")
        var second: Thing? = find("a")
        #expect(first === second)
        #expect(find("b") !== first)
        // Nobody kept the other one.
        #expect(registry.all.map(\.name) == ["a"])
        first = nil
        #expect(registry.all.first === second)
        second = nil
        #expect(registry.all.isEmpty)
        var made = 0
        let again = registry.find("a") {
            made += 1
            return Thing("a")
        }
        #expect(made == 1)
        #expect(registry.all.first === again)
    }

    @Test("of many who look for a name at once, all find the same")
    func concurrent() async {
        for round in 0..<50 {
            let registry = registry
            let made = Count()
            let found = await withTaskGroup(of: Thing.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        registry.find("\(round)") {
                            made.add()
                            return Thing("\(round)")
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(found.map(ObjectIdentifier.init)).count == 1)
            #expect(made.value == 1)
        }
    }
}
