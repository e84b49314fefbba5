import Crypto
import Foundation
import GatewayConfig
import GatewayDashboard

/// The demo's page: one HTML document without outside assets. In it a browser's `WebSocket` talks to the demo's
/// servers, from the page and from a Web Worker, breaks rules on purpose, and comes back after a drain. The dashboard
/// stands beside it.
///
/// Its script offers the same to tests as `window.sluiceDemo`:
///
/// | Member | Gives |
/// |---|---|
/// | `connect(path, protocols?)` | a promise of `{extensions, protocol}` |
/// | `sendText(string)` | a promise of the text that came back (on `/chat`, of the line that carries it) |
/// | `sendBinary(Uint8Array)` | a promise of the `Uint8Array` that came back |
/// | `close(code?, reason?)` | a promise of `{code, reason, wasClean}` |
/// | `state()` | a promise of `{url, readyState, extensions, protocol, guest}` |
/// | `worker` | the same five, in the Web Worker |
///
/// A promise is refused when the connection closes first, or after 30 seconds.
public enum DemoPage {
    /// The document as the response of a route.
    ///
    /// - Parameter servers: The addresses of the servers that the page drains, as the gateway's statistics name them.
    public static func response(servers: [String]) -> FixedResponse {
        FixedResponse(
            status: 200,
            headers: [
                "content-type": "text/html; charset=utf-8",
                "content-security-policy": contentSecurityPolicy,
                "x-content-type-options": "nosniff",
                "referrer-policy": "same-origin",
                "cache-control": "no-store",
            ],
            body: html(servers: servers))
    }

    /// The document.
    static func html(servers: [String]) -> String {
        text(PackageResources.page_html)
            .replacing("/*styles*/", with: style)
            .replacing("<!--servers-->", with: servers.joined(separator: " "))
            .replacing("/*scripts*/", with: script)
    }

    private static let style = "\n" + DashboardPage.theme + text(PackageResources.page_css)

    /// One classic script. Each file sees what those before it declare.
    private static let script =
        "\n"
        + [
            PackageResources.client_js, PackageResources.elements_js, PackageResources.closes_js,
            PackageResources.gateway_js, PackageResources.reconnection_js, PackageResources.messages_js,
            PackageResources.panel_js, PackageResources.compression_js, PackageResources.rules_js,
            PackageResources.drain_js, PackageResources.beside_js, PackageResources.main_js,
        ].map(text).joined()

    /// Allows this very script and style, the worker made of a part of the script, WebSockets, and the dashboard of the
    /// same origin in a frame; nothing else. `wss:` stands beside `'self'` for browsers in which `'self'` leaves
    /// WebSocket schemes out.
    static let contentSecurityPolicy = [
        "default-src 'none'",
        "script-src \(hashSource(script))",
        "style-src \(hashSource(style))",
        "worker-src blob:",
        "connect-src 'self' wss:",
        "frame-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ].joined(separator: "; ")

    /// Content Security Policy Level 3, hash-source: the digest of the element's exact text.
    private static func hashSource(_ text: String) -> String {
        "'sha256-\(Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString())'"
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
