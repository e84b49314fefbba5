import Crypto
import Foundation
import GatewayConfig
import Testing

@testable import GatewayDemo

@Suite("The demo's page")
struct DemoPageTests {
    private let html = DemoPage.html(servers: ["127.0.0.1:1", "127.0.0.1:2"])
    private let response = DemoPage.response(servers: ["127.0.0.1:1", "127.0.0.1:2"])

    private func contents(of element: String) throws -> Substring {
        let open = try #require(html.range(of: "<\(element)>"))
        let close = try #require(html.range(of: "</\(element)>"))
        return html[open.upperBound..<close.lowerBound]
    }

    @Test(
        "the policy's hashes are those of the inline script and style as they stand in the page",
        arguments: ["script", "style"])
    func hashes(element: String) throws {
        let digest = SHA256.hash(data: Data(try contents(of: element).utf8))
        let source = "\(element)-src 'sha256-\(Data(digest).base64EncodedString())'"
        let policy = try #require(response.headers["content-security-policy"])
        #expect(policy.components(separatedBy: "; ").contains(source))
    }

    @Test("nothing is loaded from elsewhere, and no attribute needs an exception in the policy")
    func selfContained() throws {
        for pattern in ["src=", "<link rel=\"stylesheet", "@import", "url(", " style=\"", " onclick=", "innerHTML"] {
            #expect(!html.contains(pattern), "\(pattern) in the page")
        }
        for mark in ["/*styles*/", "/*scripts*/", "<!--servers-->"] { #expect(!html.contains(mark)) }
    }

    @Test("WebSockets, workers made of blobs, the dashboard in a frame and nothing else are allowed")
    func policy() throws {
        let policy = try #require(response.headers["content-security-policy"])
        for directive in [
            "default-src 'none'", "worker-src blob:", "connect-src 'self' wss:", "frame-src 'self'",
            "frame-ancestors 'none'",
        ] {
            #expect(policy.components(separatedBy: "; ").contains(directive))
        }
        #expect(!policy.contains("unsafe"))
        #expect(response.status == 200)
        #expect(response.headers["content-type"] == "text/html; charset=utf-8")
    }

    @Test("header fields hold no line break, which would end them")
    func fields() {
        for (name, value) in response.headers {
            #expect(!value.contains { $0.isNewline }, "\(name)")
        }
    }

    @Test("the page names the servers as the statistics do")
    func servers() {
        #expect(html.contains("data-servers=\"127.0.0.1:1 127.0.0.1:2\""))
    }

    @Test("the page's script uses each route of the demo, and no other")
    func paths() throws {
        let script = try contents(of: "script") + (html.range(of: "<body").map { html[$0.lowerBound...] } ?? "")
        let used = Set(
            script.matches(of: /['"](\/(?:echo|chat|server|compression|limit|fault)[a-z\/]*)['"]/).map { String($0.1) })
        #expect(used == Set(DemoRoute.all.map(\.path)))
        // The page looks its figures up by the names of routes.
        for name in script.matches(of: /route(?:: | = |\()'([a-z-]+)'/).map({ String($0.1) }) {
            #expect(DemoRoute.all.contains { $0.name == name }, "\(name)")
        }
    }
}
