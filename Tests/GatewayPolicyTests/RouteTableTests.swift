import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Testing

@Suite("Route table: the most specific match wins")
struct RouteTableTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let routes: [RouteConfiguration]
        let request: RoutedRequest
        let expected: String?

        init(_ description: String, _ routes: [RouteConfiguration], _ request: RoutedRequest, _ expected: String?) {
            testDescription = description
            self.routes = routes
            self.request = request
            self.expected = expected
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
    func listeners(listener: String, path: String, fields: HTTPFields, expected: String) {
        let table = RouteTable(routes: Self.byListener)
        let request = RoutedRequest(host: "example.com", path: path, fields: fields, listener: listener)
        #expect(table.match(request).map { table.routes[$0].name } == expected)
    }

    static func request(
        _ target: String, host: String = "example.com", fields: HTTPFields = [:], subprotocols: [String] = []
    ) -> RoutedRequest {
        RoutedRequest(host: host, path: target, fields: fields, subprotocols: subprotocols)
    }

    static let byHost = [
        route("any"), route("wild", hosts: ["*.example.com"]), route("deep", hosts: ["*.eu.example.com"]),
        route("exact", hosts: ["chat.example.com"]), route("v6", hosts: ["::1"]),
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
        Case("paths are compared as they were sent", byPath, request("/ch%61t"), "any"),
        Case("paths are case-sensitive", byPath, request("/Chat"), "any"),
        Case("the absolute form", byPath, request("http://example.com/chat/rooms?q"), "exact"),
        Case("no bytes but the same ones", [route("e", .exact("/\u{E9}"))], request("/e\u{301}"), nil),
        Case(
            "a path too long for a regular expression", byPath, request("/cats/" + String(repeating: "a", count: 2048)),
            "any"),
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
    func mostSpecific(_ each: Case) {
        let table = RouteTable(routes: each.routes)
        #expect(table.match(each.request).map { table.routes[$0].name } == each.expected)
    }

    @Test func anEmptyTableMatchesNothing() {
        #expect(RouteTable(routes: []).match(Self.request("/")) == nil)
    }
}

extension HTTPField.Name {
    fileprivate static let xA = HTTPField.Name("X-A") ?? .via
}
