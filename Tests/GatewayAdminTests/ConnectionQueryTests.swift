import GatewayTelemetry
import Testing

@testable import GatewayAdmin

@Suite("What is asked of the list of WebSockets")
struct ConnectionQueryTests {
    private func filter(_ query: String) throws -> ConnectionFilter {
        try AdminQuery(query[...], among: AdminQuery.listParameters).filter()
    }

    @Test("every parameter has its place")
    func parameters() throws {
        #expect(try filter("") == ConnectionFilter())
        let all = try filter("route=a&server=b%3A1&ip=::1&search=x+y&sort=bytes&order=asc&offset=20&limit=5")
        #expect(
            all
                == ConnectionFilter(
                    route: "a", server: "b:1", ip: "::1", limit: 5, search: "x y", sort: .bytes, descending: false,
                    offset: 20))
        #expect(try filter("search=").search == nil)
        #expect(try filter("order=desc").descending == true)
    }

    @Test(
        "what can't be used is said",
        arguments: [
            ("sort=size", "expected sort to be one of age"), ("order=up", "expected order to be asc or desc"),
            ("offset=-1", "expected offset to be a number"),
            ("offset=1000001", "0 to 1000000"), ("limit=0", "expected limit to be a number"),
            ("page=2", "unknown parameter"),
        ])
    func mistakes(query: String, words: String) {
        #expect { try filter(query) } throws: { error in
            ((error as? AdminMistake)?.message ?? "").contains(words)
        }
        #expect { try filter("search=" + String(repeating: "a", count: 257)) } throws: { error in
            ((error as? AdminMistake)?.message ?? "").contains("257 bytes")
        }
    }
}
