import NIOCore
import NIOSSL
import SwiftASN1
import X509

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A server whose certificate does not do: what is wrong with it.
///
/// BoringSSL tells no more than that verification failed. The certificate is still there then, and says the rest.
struct UntrustedServer: WordedError {
    let description: String

    /// Where there is no certificate to look at.
    static let unknown = "the server's certificate is not trusted; ca of the upstream's tls names who may sign it"

    /// The error itself, unless it is about the certificate that the server has shown on this connection.
    static func explaining(_ error: any Error, in context: ChannelHandlerContext) -> any Error {
        let isName = (error as? NIOSSLExtraError) == .failedToValidateHostname
        guard isName || TLSReason.name(of: error) == "CERTIFICATE_VERIFY_FAILED",
            let shown = try? context.pipeline.syncOperations.nioSSL_peerCertificate(),
            let bytes = try? shown.toDERBytes(), let certificate = try? Certificate(derEncoded: bytes)
        else { return error }
        let text =
            isName
            ? misnamed(certificate, expected: expectedName(error))
            : untrusted(
                certificate, validFrom: shown.notValidBefore, until: shown.notValidAfter, now: time(nil))
        return UntrustedServer(description: text)
    }

    static func untrusted(
        _ certificate: Certificate, validFrom: time_t, until: time_t, now: time_t
    ) -> String {
        if now > until { return "the server's certificate expired on \(day(until)); renew it" }
        if now < validFrom {
            return
                "the server's certificate is not valid before \(day(validFrom)); correct the clock of this machine, or"
                + " the certificate"
        }
        if certificate.issuer == certificate.subject {
            return
                "the server's certificate is self-signed and not trusted; name a copy of it in ca of the upstream's tls"
        }
        return
            "the server's certificate is not trusted; it was signed by \(shortened("\(certificate.issuer)")): name the"
            + " certificate of that authority in ca of the upstream's tls, or let the server send those in between"
    }

    /// - Parameter expected: nil: an address was, which the certificate has to name as such (RFC 6125 §1.7.2).
    static func misnamed(_ certificate: Certificate, expected: String?) -> String {
        let names = (try? certificate.extensions.subjectAlternativeNames).flatMap { $0 }?.compactMap { name in
            switch name {
            case .dnsName(let name): name
            case .ipAddress(let octets): address(Array(octets.bytes))
            default: nil
            }
        }
        let found = names.map { $0.isEmpty ? "no name" : shortened($0.joined(separator: ", ")) } ?? "no name"
        return
            "the server's certificate is for \(found), expected \(expected ?? "the server's address"); server_name of"
            + " the upstream's tls says which name it has to have"
    }

    /// NIOSSL tells it in its description alone: `…: Couldn't find NAME in certificate from peer`.
    private static func expectedName(_ error: any Error) -> String? {
        let text = "\(error)"
        guard let start = text.firstRange(of: "find ")?.upperBound,
            let end = text[start...].firstRange(of: " in certificate")?.lowerBound, text[start..<end] != "<none>"
        else { return nil }
        return String(text[start..<end])
    }

    private static func address(_ bytes: [UInt8]) -> String? {
        try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0).ipAddress
    }

    /// What a server put into its certificate may be long.
    private static func shortened(_ text: String) -> String {
        text.count > 200 ? text.prefix(200) + "…" : text
    }

    private static func day(_ seconds: time_t) -> String {
        var seconds = seconds
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return "a day that is out of range" }
        func padded(_ number: CInt) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(Int(parts.tm_year) + 1900)-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
    }
}
