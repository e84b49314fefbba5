import Crypto
import Foundation
import GatewayConfig

/// The demo's page: one HTML document without outside assets, in which a browser's `WebSocket` talks to the echo
/// and the chat, from the page and from a Web Worker.
///
/// Its script offers the same to tests as `window.sluiceDemo`:
///
/// | Member | Gives |
/// |---|---|
/// | `connect(path, protocols?)` | a promise of `{extensions, protocol}` |
/// | `sendText(string)` | a promise of the text that came back (on `/chat`, of the line that carries it) |
/// | `sendBinary(Uint8Array)` | a promise of the `Uint8Array` that came back |
/// | `close(code?, reason?)` | a promise of `{code, reason, wasClean}` |
/// | `state()` | a promise of `{url, readyState, extensions, protocol}` |
/// | `worker` | the same five, in the Web Worker |
///
/// A promise is refused when the connection closes first, or after 30 seconds.
public enum DemoPage {
    /// The document, with its link to the admin endpoint on port 9901.
    public static let html = html(adminPort: 9901)

    /// `html` with its header fields.
    public static let response = response(adminPort: 9901)

    /// The document, with its link to the statistics on the admin endpoint's port of 127.0.0.1.
    public static func html(adminPort: Int) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Sluice demo</title>
        <link rel="icon" href="data:,">
        <style>\(DemoPageStyle.css)</style>
        </head>
        \(DemoPageBody.html(statistics: "http://127.0.0.1:\(adminPort)/stats"))
        <script>\(DemoPageScript.javascript)</script>
        </html>

        """
    }

    /// The document as the response of a route.
    public static func response(adminPort: Int) -> FixedResponse {
        FixedResponse(
            status: 200,
            headers: [
                "content-type": "text/html; charset=utf-8",
                "content-security-policy": contentSecurityPolicy,
                "x-content-type-options": "nosniff",
                "referrer-policy": "no-referrer",
                "cache-control": "no-store",
            ],
            body: html(adminPort: adminPort))
    }

    /// Allows this very script and style, the worker made of a part of the script, and WebSockets; nothing else.
    /// `wss:` stands beside `'self'` for browsers in which `'self'` leaves WebSocket schemes out.
    static let contentSecurityPolicy = [
        "default-src 'none'",
        "script-src \(hashSource(DemoPageScript.javascript))",
        "style-src \(hashSource(DemoPageStyle.css))",
        "worker-src blob:",
        "connect-src 'self' wss:",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ].joined(separator: "; ")

    /// Content Security Policy Level 3, hash-source: the digest of the element's exact text.
    private static func hashSource(_ text: String) -> String {
        "'sha256-\(Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString())'"
    }
}
