import Testing

@testable import GatewayConfig

@Suite struct NearMissTests {
    @Test(arguments: [
        ("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("abc", "abd", 1), ("abc", "acb", 1), ("kitten", "sitting", 3),
        ("max_conections", "max_connections", 1),
    ])
    func distanceCountsSlips(left: String, right: String, expected: Int) {
        #expect(NearMiss.distance(left, right) == expected)
        #expect(NearMiss.distance(right, left) == expected)
    }

    @Test(arguments: [
        ("adress", "address"), ("Tls", "tls"), ("max_conections", "max_connections"), ("pingInterval", nil),
        ("xyz", nil), ("", nil), (String(repeating: "a", count: 100_000), nil),
    ])
    func onlyANearNameIsSuggested(text: String, expected: String?) {
        #expect(NearMiss.nearest(to: text, among: ["address", "tls", "max_connections", "routes"]) == expected)
    }
}
