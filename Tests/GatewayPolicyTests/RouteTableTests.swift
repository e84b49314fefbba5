import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Testing

@Suite("Route table: the most specific match wins")
struct RouteTableTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let routes: [RouteConfiguration]
        let request: Request
        let expected: String?

        init(_ description: String, _ routes: [RouteConfiguration], _ request: Request, _ expected: String?) {
            testDescription = description
            self.routes = routes
            self.request = request
            self.expected = expected
        }
    }

    struct Request: Sendable {
        var host: String
        var target: String
        var fields: HTTPFields
        var subprotocols: [String] = []
        var listener = ""

        func routed() throws -> RoutedRequest {
            RoutedRequest(
                host: try #require(Authority(host)), target: try RequestTarget(target), fields: fields,
                subprotocols: subprotocols, listener: listener)
        }
    }

    static func route(
        _ name: String, hosts: [String] = [], _ path: RouteMatchConfiguration.Path? = nil,
        headers: [String: String] = [:], query: [String: String] = [:], subprotocols: [String] = []
    ) -> RouteConfiguration {
        RouteConfiguration(
            name: name,
            match: .init(hosts: hosts, path: path, headers: headers, query: query, subprotocols: subprotocols),
            action: .upstream("any"))
    }

    static func route(_ name: String, listeners: [String], headers: [String: String] = [:]) -> RouteConfiguration {
        RouteConfiguration(
            name: name, match: .init(headers: headers, listeners: listeners), action: .upstream("any"))
    }

    static let byListener = [
        route("any"), route("internal", listeners: ["internal"]), route("both", listeners: ["a", "b"]),
        route("more", listeners: ["internal"], headers: ["x-a": "blue"]),
        route("path", .prefix("/chat")),
    ]

    @Test(
        "a route can be tied to listeners, which count as one condition",
        arguments: [
            ("internal", "/", [:], "internal"), ("a", "/", [:], "both"), ("b", "/", [:], "both"),
            ("public", "/", [:], "any"), ("", "/", [:], "any"), ("Internal", "/", [:], "any"),
            ("internal", "/", [.xA: "blue"], "more"), ("internal", "/chat", [:], "path"),
        ] as [(String, String, HTTPFields, String)])
    func listeners(listener: String, path: String, fields: HTTPFields, expected: String) throws {
        let table = RouteTable(routes: Self.byListener)
        let request = Request(host: "example.com", target: path, fields: fields, listener: listener)
        #expect(try table.match(request.routed()).map { table.routes[$0].name } == expected)
    }

    static func request(
        _ target: String, host: String = "example.com", fields: HTTPFields = [:], subprotocols: [String] = []
    ) -> Request {
        Request(host: host, target: target, fields: fields, subprotocols: subprotocols)
    }

    static let byHost = [
        route("any"), route("wild", hosts: ["*.example.com"]), route("deep", hosts: ["*.eu.example.com"]),
        route("exact", hosts: ["chat.example.com"]), route("v6", hosts: ["[0::1]"]),
    ]

    static let hostCases: [Case] = [
        Case("exact before wildcard", byHost, request("/", host: "chat.example.com"), "exact"),
        Case("the longer wildcard first", byHost, request("/", host: "a.eu.example.com"), "deep"),
        Case("a wildcard covers several labels", byHost, request("/", host: "a.b.example.com"), "wild"),
        Case("a wildcard does not cover the name itself", byHost, request("/", host: "example.com"), "any"),
        Case("a wildcard ends at a label", byHost, request("/", host: "badexample.com"), "any"),
        Case("any host last", byHost, request("/", host: "other.test"), "any"),
        Case("no host matches any host", byHost, request("/", host: ""), "any"),
        Case("case does not matter", byHost, request("/", host: "CHAT.Example.COM"), "exact"),
        Case("the port does not matter", byHost, request("/", host: "chat.example.com:8443"), "exact"),
        Case("the trailing dot does not matter", byHost, request("/", host: "chat.example.com.:80"), "exact"),
        Case("an IPv6 literal with port", byHost, request("/", host: "[::1]:8443"), "v6"),
        Case("an IPv6 literal in another spelling", byHost, request("/", host: "[0:0:0:0::1]"), "v6"),
        Case(
            "a route has an entry for each of its hosts",
            [route("other", hosts: ["*.b.test"]), route("both", hosts: ["a.test", "x.b.test"])],
            request("/", host: "x.b.test"), "both"),
        Case("no route", [route("exact", hosts: ["a.test"])], request("/", host: "b.test"), nil),
        Case(
            "the host weighs more than path and conditions",
            [route("path", .exact("/x"), headers: ["x-a": "1"]), route("host", hosts: ["a.test"])],
            request("/x", host: "a.test", fields: [.xA: "1"]), "host"),
    ]

    static let byPath = [
        route("any"), route("root", .prefix("/")), route("regex", .regex("/c[a-z]+/.*")),
        route("prefix", .prefix("/chat")), route("deeper", .prefix("/chat/rooms")),
        route("exact", .exact("/chat/rooms")),
        route("slash", .prefix("/files/")),
    ]

    static let pathCases: [Case] = [
        Case("exact before prefix", byPath, request("/chat/rooms"), "exact"),
        Case("the query is no part of the path", byPath, request("/chat/rooms?x=/y"), "exact"),
        Case("the longer prefix first", byPath, request("/chat/rooms/1"), "deeper"),
        Case("a prefix before a regular expression", byPath, request("/chat/1"), "prefix"),
        Case("a prefix ends at a segment", byPath, request("/chats"), "any"),
        Case("a prefix is the path itself too", byPath, request("/chat?a=b"), "prefix"),
        Case("a regular expression before any path", byPath, request("/cats/1"), "regex"),
        Case("a regular expression matches whole paths", byPath, request("/x/cats/1"), "any"),
        Case("a prefix with a slash wants the slash", byPath, request("/files"), "any"),
        Case("a prefix with a slash", byPath, request("/files/x"), "slash"),
        Case("a prefix of / ranks as any path: order decides", byPath, request("/other"), "any"),
        Case("needless percent-encoding is none", byPath, request("/ch%61t/rooms"), "exact"),
        Case("dot segments are resolved", byPath, request("/x/../chat/./rooms"), "exact"),
        Case("slashes are merged", byPath, request("//chat///rooms/1"), "deeper"),
        Case("an encoded slash separates nothing", byPath, request("/chat%2Frooms"), "any"),
        Case("parameters of a segment belong to it", byPath, request("/chat;v=1"), "any"),
        Case("a regular expression sees the normal form", byPath, request("/x/..//c%61ts//1"), "regex"),
        Case("an encoded reserved character", [route("at", .prefix("/@me"))], request("/%40me/x"), "at"),
        Case("paths are case-sensitive", byPath, request("/Chat"), "any"),
        Case(
            "a path as long as may be for a regular expression", byPath,
            request("/cats/" + String(repeating: "a", count: 2042)), "regex"),
        Case(
            "a long path that a more specific route takes", byPath,
            request("/chat/" + String(repeating: "a", count: 2048)), "prefix"),
        Case(
            "a long path whose regular expression is out of the question",
            [
                route("other", hosts: ["a.test"], .regex("/.*")), route("header", .regex("/.*"), headers: ["x-a": "1"]),
                route("any"),
            ], request("/" + String(repeating: "a", count: 2048)), "any"),
        Case("a regular expression that does not compile", [route("bad", .regex("("))], request("/("), nil),
    ]

    static let byCondition = [
        route("plain", .prefix("/ws")), route("header", .prefix("/ws"), headers: ["x-a": "1"]),
        route("two", .prefix("/ws"), headers: ["x-a": "1"], query: ["room": "lobby 1"]),
        route("protocol", .prefix("/ws"), subprotocols: ["graphql-transport-ws", "mqtt"]),
    ]

    static let conditionCases: [Case] = [
        Case("without conditions", byCondition, request("/ws"), "plain"),
        Case("a header field", byCondition, request("/ws", fields: [.xA: "1"]), "header"),
        Case("a header field of another value", byCondition, request("/ws", fields: [.xA: "11"]), "plain"),
        Case("one of several fields", byCondition, request("/ws", fields: [.xA: "0", .xA: "1"]), "header"),
        Case("more conditions first", byCondition, request("/ws?a&room=lobby+1", fields: [.xA: "1"]), "two"),
        Case("percent-decoded", byCondition, request("/ws?r%6Fom=lobby%201", fields: [.xA: "1"]), "two"),
        Case("an encoded plus is a plus", byCondition, request("/ws?room=lobby%2B1", fields: [.xA: "1"]), "header"),
        Case(
            "a broken encoding stands for itself", byCondition, request("/ws?room=lobby%2", fields: [.xA: "1"]),
            "header"),
        Case("a subprotocol offered", byCondition, request("/ws", subprotocols: ["soap", "mqtt"]), "protocol"),
        Case("a subprotocol not offered", byCondition, request("/ws", subprotocols: ["MQTT"]), "plain"),
        Case("ties by order", byCondition, request("/ws", fields: [.xA: "1"], subprotocols: ["mqtt"]), "header"),
        Case(
            "an impossible field name never matches", [route("odd", headers: ["not a name": "1"])], request("/"), nil),
    ]

    @Test(arguments: hostCases + pathCases + conditionCases)
    func mostSpecific(_ each: Case) throws {
        let table = RouteTable(routes: each.routes)
        #expect(try table.match(try each.request.routed()).map { table.routes[$0].name } == each.expected)
    }

    @Test("a path too long for the rule that decides is refused, whether it would match or not")
    func tooLong() throws {
        let table = RouteTable(routes: Self.byPath)
        for start in ["/cats/", "/other/"] {
            let request = try Self.request(start + String(repeating: "a", count: 2048)).routed()
            #expect(throws: Refusal.uriTooLong) { try table.match(request) }
        }
    }

    @Test func anEmptyTableMatchesNothing() throws {
        #expect(try RouteTable(routes: []).match(try Self.request("/").routed()) == nil)
    }
}

extension HTTPField.Name {
    fileprivate static let xA = HTTPField.Name("X-A") ?? .via
}
