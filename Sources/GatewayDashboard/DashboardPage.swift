import Crypto

/// A page as it is served: whole, with everything it needs inside.
public struct DashboardPage: Sendable {
    public let html: [UInt8]
    /// The value of `Content-Security-Policy`: nothing runs or styles but what stands in the page.
    public let contentSecurityPolicy: String
    private let styleHashes: [String]
    private let scriptHashes: [String]

    /// The dashboard.
    public static let dashboard = DashboardPage(
        template: PackageResources.dashboard_html, styles: [PackageResources.theme_css, PackageResources.layout_css],
        scripts: PageScripts.ordered)

    /// What asks for the admin token.
    public static let login = DashboardPage(
        template: PackageResources.login_html, styles: [PackageResources.theme_css, PackageResources.login_css],
        scripts: [])

    /// The policy of both pages for a route that lets pages of certain origins show them in a frame. It permits no script
    /// or style but those of these pages.
    ///
    /// - Parameter ancestors: a source list of CSP, such as `'self'`.
    public static func contentSecurityPolicy(framedBy ancestors: String) -> String {
        policy(
            styles: dashboard.styleHashes + login.styleHashes, scripts: dashboard.scriptHashes,
            ancestors: ancestors)
    }

    /// The colours and controls of both pages (CSS), for other pages that belong to them.
    public static let theme = String(decoding: PackageResources.theme_css, as: UTF8.self)

    /// The same page after a token that was wrong, or one too many.
    public static func login(saying problem: String) -> DashboardPage {
        DashboardPage(login, replacing: "<!--problem-->", by: problem)
    }

    /// - Parameters:
    ///   - template: HTML in which `/*styles*/` and `/*scripts*/` stand for the files.
    ///   - scripts: joined in this order to one module, so that each sees what those before it declare.
    init(template: [UInt8], styles: [[UInt8]], scripts: [[UInt8]]) {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let style = "\n" + styles.map(text).joined()
        let script = "\n" + scripts.map(text).joined()
        html = Array(
            text(template).replacing("/*styles*/", with: style).replacing("/*scripts*/", with: script).utf8)
        styleHashes = [Self.hash(style)]
        scriptHashes = scripts.isEmpty ? [] : [Self.hash(script)]
        contentSecurityPolicy = Self.policy(styles: styleHashes, scripts: scriptHashes, ancestors: "'none'")
    }

    private static func policy(styles: [String], scripts: [String], ancestors: String) -> String {
        func sources(_ hashes: [String]) -> String { hashes.map { "'\($0)'" }.joined(separator: " ") }
        var policy = [
            "default-src 'none'", "style-src \(sources(styles))", "connect-src 'self'", "img-src data:",
            "form-action 'self'", "base-uri 'none'", "frame-ancestors \(ancestors)",
        ]
        if !scripts.isEmpty {
            policy.append("script-src \(sources(scripts))")
            policy.append("require-trusted-types-for 'script'")
        }
        return policy.joined(separator: "; ")
    }

    private init(_ page: DashboardPage, replacing mark: String, by text: String) {
        let escaped = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
        self.html = Array(
            String(decoding: page.html, as: UTF8.self).replacing(
                mark, with: "<p class=\"problem\" role=\"alert\">\(escaped)</p>"
            )
            .utf8)
        contentSecurityPolicy = page.contentSecurityPolicy
        styleHashes = page.styleHashes
        scriptHashes = page.scriptHashes
    }

    /// As CSP names what stands in an element (CSP Level 3 §2.3.1).
    private static func hash(_ text: String) -> String {
        let digest = Array(SHA256.hash(data: Array(text.utf8)))
        return "sha256-\(Base64.encoded(digest))"
    }
}

/// Base64 (RFC 4648 §4).
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = Array(bytes[start..<min(start + 3, bytes.count)])
            let bits = (0..<3).reduce(UInt32(0)) { $0 << 8 | UInt32($1 < group.count ? group[$1] : 0) }
            for index in 0..<4 {
                let isFilled = index <= group.count
                text.append(isFilled ? alphabet[Int(bits >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
