import GatewayConfig
import GatewayPolicy
import HTTPTypes
import NIOCore
import Testing

@Suite("Cookies by which clients come back")
struct StickyCookieTests {
    private static func upstream(
        _ name: String = "chat", secret: String? = "s3cret", servers: [Int] = [0, 1, 2],
        _ edit: (inout StickyConfiguration) -> Void = { _ in }
    ) -> UpstreamConfiguration {
        var sticky = StickyConfiguration(cookie: "at")
        sticky.secret = secret
        edit(&sticky)
        return UpstreamConfiguration(
            name: name, sticky: sticky,
            servers: servers.map { ServerConfiguration(address: ServerSelectorTests.address($0)) })
    }

    private static func value(_ upstream: UpstreamConfiguration, _ server: Int) -> String? {
        let field = StickyCookie(upstream)?.field(for: ServerSelectorTests.address(server), known: nil, isTLS: false)
        return field?.value.split(separator: ";").first.map { String($0.dropFirst("at=".count)) }
    }

    private static func server(_ upstream: UpstreamConfiguration, _ cookie: String?) -> Address? {
        StickyCookie(upstream)?.server(in: [.cookie: "other=1; at=\(cookie ?? "")"])
    }

    @Test("each server that a name stands for has a cookie of its own")
    func cookiesOfResolvedServers() throws {
        let addresses = [5, 6].map { ServerSelectorTests.address($0) }
        let cookie = try #require(StickyCookie(Self.upstream(servers: [0]), servers: addresses))
        #expect(cookie.field(for: ServerSelectorTests.address(0), known: nil, isTLS: false) == nil)
        for address in addresses {
            let field = try #require(cookie.field(for: address, known: nil, isTLS: false))
            let value = String(field.value.prefix { $0 != ";" })
            #expect(cookie.server(in: [.cookie: value]) == address)
        }
        // The value is that of a server which is configured by this address.
        let listed = Self.value(Self.upstream(servers: [5]), 5)
        #expect(cookie.server(in: [.cookie: "at=\(listed ?? "")"]) == addresses[0])
    }

    @Test func anUpstreamWithoutSettingsHasNone() {
        #expect(StickyCookie(UpstreamConfiguration(name: "chat", servers: [])) == nil)
    }

    @Test("values are those that another program reckons")
    func valuesAreKnown() {
        #expect(Self.value(Self.upstream(), 0) == "IgXfOOQTKzUVc7i7yAqnFllJ")
        #expect(Self.value(Self.upstream(secret: nil), 0) == "DKeDz8nTmzOpyTb2sKUtpSOQ")
    }

    @Test func aValueLeadsBackToItsServerWhereverTheSettingsAreTheSame() throws {
        for server in 0..<3 {
            let value = try #require(Self.value(Self.upstream(), server))
            #expect(Self.server(Self.upstream(servers: [2, 1, 0]), value) == ServerSelectorTests.address(server))
        }
    }

    @Test func aValueSaysNothingElsewhere() throws {
        let value = try #require(Self.value(Self.upstream(), 0))
        #expect(Self.server(Self.upstream(secret: "another"), value) == nil)
        #expect(Self.server(Self.upstream("other"), value) == nil)
        #expect(Self.server(Self.upstream(servers: [1, 2]), value) == nil)
        #expect(Self.server(Self.upstream(), "10.0.0.0:9001") == nil)
        #expect(Self.server(Self.upstream(), "") == nil)
        #expect(StickyCookie(Self.upstream())?.server(in: [:]) == nil)
    }

    @Test func itIsSetWhenTheServerIsAnotherOrItExpires() throws {
        let first = ServerSelectorTests.address(0)
        let second = ServerSelectorTests.address(1)
        let session = try #require(StickyCookie(Self.upstream()))
        #expect(session.field(for: first, known: first, isTLS: false) == nil)
        #expect(session.field(for: first, known: second, isTLS: false) != nil)
        #expect(session.field(for: ServerSelectorTests.address(9), known: nil, isTLS: false) == nil)
        let lasting = try #require(StickyCookie(Self.upstream { $0.maxAge = .seconds(3600) }))
        #expect(lasting.field(for: first, known: first, isTLS: false)?.value.contains("; Max-Age=3600") == true)
    }

    private static func settings(_ edit: (inout StickyConfiguration) -> Void) -> StickyConfiguration {
        var settings = StickyConfiguration(cookie: "at")
        edit(&settings)
        return settings
    }

    @Test(arguments: [
        (false, settings { _ in }, "; Path=/; HttpOnly"),
        (true, settings { _ in }, "; Path=/; Secure; HttpOnly"),
        (true, settings { $0.secure = false }, "; Path=/; HttpOnly"),
        (false, settings { $0.sameSite = .anySite }, "; Path=/; Secure; HttpOnly; SameSite=None"),
        (false, settings { $0.sameSite = .strict }, "; Path=/; HttpOnly; SameSite=Strict"),
        (
            false,
            settings {
                $0.path = "/chat"
                $0.domain = "example.com"
                $0.secure = true
                $0.httpOnly = false
                $0.sameSite = .lax
                $0.maxAge = .milliseconds(10)
            }, "; Path=/chat; Domain=example.com; Max-Age=1; Secure; SameSite=Lax"
        ),
    ])
    func itSaysWhatIsConfigured(isTLS: Bool, settings: StickyConfiguration, expected: String) throws {
        let cookie = try #require(StickyCookie(Self.upstream { $0 = settings }))
        let field = try #require(cookie.field(for: ServerSelectorTests.address(0), known: nil, isTLS: isTLS))
        #expect(field.name == .setCookie)
        #expect(field.value.drop { $0 != ";" } == expected)
    }

    @Test(arguments: ServerSelectorTests.balances)
    func aServerThatIsPreferredIsTakenIfItTakesConnections(balance: UpstreamConfiguration.Balance) throws {
        let selector = ServerSelectorTests.selector(balance, weights: [1000, 1], maxConnections: 20)
        let second = ServerSelectorTests.address(1)
        func back() -> Int? { selector.selector.pick(preferring: second, now: ServerSelectorTests.now).number }
        let permits = try (0..<19).map { _ in
            try selector.selector.pick(preferring: second, now: ServerSelectorTests.now).get()
        }
        #expect(permits.allSatisfy { $0.number == 1 })
        _ = selector.records[1].setDrained(true)
        #expect(back() == 0)
        _ = selector.records[1].setDrained(false)
        #expect(back() == 1)
        selector.failed(server: 1, now: ServerSelectorTests.now, jitter: 1)
        #expect(back() == 0)
        selector.succeeded(server: 1)
        let last = try selector.selector.pick(preferring: second, now: ServerSelectorTests.now).get()
        #expect(last.number == 1)
        #expect(back() == 0)
    }
}
