import Foundation
import Testing

@testable import GatewayDashboard

@Suite("Pages of the dashboard")
struct DashboardPageTests {
    @Test(
        "base64 is that of RFC 4648 §10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(text: String, encoded: String) {
        #expect(Base64.encoded(Array(text.utf8)) == encoded)
    }

    @Test("a page has its files inside, and its policy names them by their hashes")
    func policy() {
        let page = DashboardPage(
            template: Array("<style>/*styles*/</style><script>/*scripts*/</script>".utf8),
            styles: [Array("a{}\n".utf8)], scripts: [Array("one\n".utf8), Array("two\n".utf8)])
        #expect(String(decoding: page.html, as: UTF8.self) == "<style>\na{}\n</style><script>\none\ntwo\n</script>")
        // printf '\na{}\n' | openssl dgst -sha256 -binary | base64
        #expect(
            page.contentSecurityPolicy.contains("style-src 'sha256-qCar8pRQiWlgDxN7Kk6boSJXmhcN4LB/65l3d2ZDO+g='"))
        #expect(page.contentSecurityPolicy.hasPrefix("default-src 'none'; "))
        #expect(!page.contentSecurityPolicy.contains("unsafe"))
    }

    @Test("the policy for frames differs from those of the pages in who may show them, and in nothing else")
    func framedPolicy() {
        let framed = DashboardPage.contentSecurityPolicy(framedBy: "'self'").components(separatedBy: "; ")
        for page in [DashboardPage.dashboard, .login] {
            for directive in page.contentSecurityPolicy.components(separatedBy: "; ") {
                if directive == "frame-ancestors 'none'" {
                    #expect(framed.contains("frame-ancestors 'self'"))
                } else if directive.hasPrefix("style-src ") {
                    let hash = directive.dropFirst("style-src ".count)
                    #expect(framed.contains { $0.hasPrefix("style-src ") && $0.contains(hash) })
                } else {
                    #expect(framed.contains(directive), "\(directive)")
                }
            }
        }
        #expect(framed.count == DashboardPage.dashboard.contentSecurityPolicy.components(separatedBy: "; ").count)
    }

    @Test("the pages need nothing from elsewhere, and have no handlers or styles in attributes")
    func selfContained() {
        for page in [DashboardPage.dashboard, .login] {
            let html = String(decoding: page.html, as: UTF8.self)
            #expect(!html.contains("/*styles*/") && !html.contains("/*scripts*/"))
            #expect(!html.contains("src=") && !html.contains("@import") && !html.contains("url("))
            #expect(html.firstMatch(of: /<[a-z][^>]*\s(on[a-z]+|style)=/) == nil)
            #expect(!html.contains("innerHTML"))
        }
    }

    @Test("what a login says is text, whatever it holds")
    func problem() {
        let html = String(decoding: DashboardPage.login(saying: "a <b> & c").html, as: UTF8.self)
        #expect(html.contains("a &lt;b> &amp; c"))
    }
}
