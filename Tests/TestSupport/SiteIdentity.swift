import Foundation

/// A certificate for `site.example` that signs itself, valid for a hundred years, and its Ed25519 key, as files in a folder
/// that goes with this object. Its signatures have one length, so that handshakes are cut at the same places each time.
package final class SiteIdentity: Sendable {
    private let directory: URL

    package var certificate: String { directory.appendingPathComponent("site.pem").path }
    package var privateKey: String { directory.appendingPathComponent("site.key").path }

    package init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-site-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try Data(Self.certificateText.utf8).write(to: URL(fileURLWithPath: certificate))
        try Data(Self.keyText.utf8).write(to: URL(fileURLWithPath: privateKey))
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private static let certificateText = """
        -----BEGIN CERTIFICATE-----
        MIIBXjCCARCgAwIBAgIUX9OuoFWW59WEx7iuVkc3IY0kJD4wBQYDK2VwMBcxFTAT
        BgNVBAMMDHNpdGUuZXhhbXBsZTAgFw0yNjExMjkxMTI1NDdaGA8yMTI2MTEwNTEx
        MjU0N1owFzEVMBMGA1UEAwwMc2l0ZS5leGFtcGxlMCowBQYDK2VwAyEA8I1mN7IU
        ncmm2iH/4f6Oe6TYCJpWCvcNhoLny+gIpeqjbDBqMB0GA1UdDgQWBBTkzLEZnkaw
        lsaoiQCqDilEYaJtoDAfBgNVHSMEGDAWgBTkzLEZnkawlsaoiQCqDilEYaJtoDAP
        BgNVHRMBAf8EBTADAQH/MBcGA1UdEQQQMA6CDHNpdGUuZXhhbXBsZTAFBgMrZXAD
        QQBLBMFaOi10tkW5dCk3ZIxMIF3qGQ/FzfksvBp5MOSZ1EDtIRXA+qiaHhuJk2Fh
        6x0sFNjVhgFKJXAZCexNzW0P
        -----END CERTIFICATE-----

        """

    private static let keyText = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIFfzHKECwLWwPGAecrNmCU3n2hjqAXhJMH43FQRNjruD
        -----END PRIVATE KEY-----

        """
}
