import Foundation
import Testing

@Suite("The BoringSSL that is called")
struct BoringSSLVersionTests {
    /// That which GatewayTLS was read against.
    static let revision = "8eb25be6fa18d475291122887a7bccd3762ff236"

    @Test("it is the revision that GatewayTLS was read against")
    func revision() throws {
        // The build's folder, wherever that is.
        var folder = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe").split(separator: "/")
        var text: String?
        while text == nil, !folder.isEmpty {
            folder.removeLast()
            text = try? String(
                contentsOfFile: "/"
                    + (folder + ["checkouts/swift-nio-ssl/Sources/CNIOBoringSSL/hash.txt"])
                    .joined(separator: "/"), encoding: .utf8)
        }
        let found = try #require(text, "no checkout of swift-nio-ssl above \(CommandLine.arguments.first ?? "")")
        #expect(
            found.contains(Self.revision),
            """
            swift-nio-ssl has another BoringSSL. GatewayTLS calls it, though it is no public product: read in its \
            history what changed in ssl.h, x509.h and bio.h; whether SSL_has_pending still tells of the beginning of a \
            record, SSL_write of nothing still sends the tickets, and the limits of empty records and KeyUpdates still \
            are 32; run all tests of GatewayTLS; then put the new revision here.
            """)
    }
}
