import GatewayConfig
import Testing

@Suite struct RouteActionReaderTests {
    static func file(_ action: String) -> String {
        "listeners: [{ name: l, address: \"a:1\" }]\nroutes:\n  - name: r\n    \(action)\n"
    }

    @Test(arguments: [
        ("redirect: /new", RouteAction.redirect(status: 302, location: "/new")),
        ("redirect: { to: \"https://a/\", status: 308 }", .redirect(status: 308, location: "https://a/")),
        ("redirect: { to: /a }", .redirect(status: 302, location: "/a")),
        ("respond: 204", .respond(FixedResponse(status: 204))),
        ("respond: { status: 503 }", .respond(FixedResponse(status: 503))),
        (
            "respond: { body: hello }",
            .respond(FixedResponse(status: 200, headers: ["content-type": "text/plain; charset=utf-8"], body: "hello"))
        ),
        (
            "respond: { status: 404, body: \"{}\", content_type: application/json, headers: { Retry-After: 5 } }",
            .respond(
                FixedResponse(
                    status: 404, headers: ["content-type": "application/json", "retry-after": "5"], body: "{}"))
        ),
    ])
    func anActionIsRead(lines: String, expected: RouteAction) throws {
        #expect(try parse(Self.file(lines)).routes[0].action == expected)
    }

    @Test(arguments: [
        ("redirect: { status: 301 }", "4:15: error: missing key \"to\""),
        (
            "redirect: { to: /a, status: 304 }",
            "4:33: error: expected the status 301, 302, 303, 307 or 308, found \"304\""
        ),
        (
            "redirect: nowhere",
            "4:15: error: expected a location such as https://example.com/ or /path, found \"nowhere\""
        ),
        (
            "redirect: \"/a\\r\\nX: y\"",
            "4:15: error: expected a location such as https://example.com/ or /path, found \"/a\\r\\nX: y\""
        ),
        ("respond: 101", "4:14: error: expected a status from 200 to 599, found \"101\""),
        ("respond: { status: 600 }", "4:24: error: expected a status from 200 to 599, found \"600\""),
        (
            "respond: { status: 204, body: x }",
            "4:29: error: a response of status 204 can't have a body (RFC 9110 §15); remove body"
        ),
        (
            "respond: { headers: { Content-Length: 5 } }",
            "4:27: error: the gateway writes \"Content-Length\" itself; it can't be changed here"
        ),
        (
            "respond: [200]",
            "4:14: error: expected a status or a mapping with status, body, content_type and headers, found a list"
        ),
    ])
    func aMistakeIsReportedAtItsPlace(lines: String, expected: String) {
        #expect(problems(Self.file(lines)) == [expected])
    }
}
