import Crypto
import Foundation
import GatewayConfig
import Testing

@testable import GatewayDemo

@Suite("The demo's page")
struct DemoPageTests {
    private func contents(of element: String) throws -> Substring {
        let html = DemoPage.html
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
        let policy = try #require(DemoPage.response.headers["content-security-policy"])
        #expect(policy.components(separatedBy: "; ").contains(source))
    }

    @Test("nothing is loaded from elsewhere, and no attribute needs an exception in the policy")
    func selfContained() throws {
        for pattern in ["src=", "<link rel=\"stylesheet", "@import", "url(", " style=\"", " onclick=", "import("] {
            #expect(!DemoPage.html.contains(pattern), "\(pattern) in the page")
        }
    }

    @Test("WebSockets, workers made of blobs and nothing else are allowed")
    func policy() throws {
        let policy = try #require(DemoPage.response.headers["content-security-policy"])
        for directive in ["default-src 'none'", "worker-src blob:", "connect-src 'self' wss:"] {
            #expect(policy.components(separatedBy: "; ").contains(directive))
        }
        #expect(!policy.contains("unsafe"))
        #expect(DemoPage.response.status == 200)
        #expect(DemoPage.response.headers["content-type"] == "text/html; charset=utf-8")
    }

    @Test("header fields hold no line break, which would end them")
    func fields() {
        for (name, value) in DemoPage.response.headers {
            #expect(!value.contains { $0.isNewline }, "\(name)")
        }
    }

    @Test("the link to the statistics names the admin endpoint's port")
    func statistics() {
        #expect(DemoPage.html.contains("href=\"http://127.0.0.1:9901/stats\""))
        #expect(DemoPage.html(adminPort: 9999).contains("href=\"http://127.0.0.1:9999/stats\""))
    }
}
