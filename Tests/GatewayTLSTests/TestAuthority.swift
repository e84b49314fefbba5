import Crypto
import Foundation
import SwiftASN1
import X509

@testable import GatewayTLS

/// An authority of a test, and the certificates that it signs, as files in a folder that goes with it.
final class TestAuthority {
    /// Of the certificates' keys.
    enum KeyKind: String, CaseIterable, Sendable {
        case p256, p384, p521, ed25519, rsa
    }

    let directory: URL
    let certificate: Certificate
    private let key = Certificate.PrivateKey(P256.Signing.PrivateKey())

    /// Of its certificate.
    var file: String { path("\(name).authority.pem") }
    private let name: String

    init(_ name: String = "Authority") throws {
        self.name = name
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let subject = try DistinguishedName { CommonName(name) }
        certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: Date() - 86_400 * 30,
            notValidAfter: Date() + 86_400 * 30, issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: .init {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
            }, issuerPrivateKey: key)
        try write("\(name).authority.pem", certificate.serializeAsPEM().pemString)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func path(_ file: String) -> String { directory.appendingPathComponent(file).path }

    func write(_ file: String, _ text: String) throws { try write(file, Array(text.utf8)) }

    func write(_ file: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path(file))) }

    static func key(_ kind: KeyKind) throws -> Certificate.PrivateKey {
        switch kind {
        case .p256: .init(P256.Signing.PrivateKey())
        case .p384: .init(P384.Signing.PrivateKey())
        case .p521: .init(P521.Signing.PrivateKey())
        case .ed25519: .init(Curve25519.Signing.PrivateKey())
        // One of its kind takes too long to make.
        case .rsa: try .init(pemEncoded: rsaKey)
        }
    }

    /// Writes a certificate and its key.
    ///
    /// - Parameters:
    ///   - file: of both files, without extension, and the common name.
    ///   - days: from today, that it is valid in.
    func identity(
        _ file: String, _ kind: KeyKind = .p256, names: [String] = [], addresses: [[UInt8]] = [],
        days: ClosedRange<Int> = -1...1, isSelfSigned: Bool = false, serial: Certificate.SerialNumber = .init()
    ) throws -> TLSServerSettings.Identity {
        let own = try Self.key(kind)
        let subject = try DistinguishedName { CommonName(file) }
        let alternatives =
            names.map(GeneralName.dnsName)
            + addresses.map { GeneralName.ipAddress(ASN1OctetString(contentBytes: ArraySlice($0))) }
        let certificate = try Certificate(
            version: .v3, serialNumber: serial, publicKey: own.publicKey,
            notValidBefore: Date() + Double(days.lowerBound) * 86_400,
            notValidAfter: Date() + Double(days.upperBound) * 86_400,
            issuer: isSelfSigned ? subject : self.certificate.subject, subject: subject,
            extensions: alternatives.isEmpty ? .init() : .init { SubjectAlternativeNames(alternatives) },
            issuerPrivateKey: isSelfSigned ? own : key)
        try write("\(file).pem", certificate.serializeAsPEM().pemString)
        try write("\(file).key", own.serializeAsPEM().pemString)
        return TLSServerSettings.Identity(certificate: path("\(file).pem"), privateKey: path("\(file).key"))
    }

    static let rsaKey = """
        -----BEGIN RSA PRIVATE KEY-----
        MIIEpAIBAAKCAQEAlQMNk72LZTGdaIUJ2TPk4tgacrQJ7ZpVC+oEf3+RQQGKuRGU
        c0HVKv5h2xT7NE6lf8DRz7fNlOSsOlh9GMMFU+KZvIVNQfKqOWY9RjvCBciTJuxx
        uS+GgoTAW5NrZkZWKdDVR5fqXlwXcmOWSJB5IrK8Mf+RApJ/xVfG1GGgXUIHxQQD
        fNGi81oYpZlzsS7y+/0ae1p4/+fkV3Xh8o1zDQJxEECs8p0lSoS7bkxrwF65SA15
        R2TK0pl+ToXysLzg+nLBB+MuEoptiHGrAZKx4jEiFIhCsIvECRgXJueajRBguTTU
        wYlWPICAwks7zGu1UtwMgzbLHSalz6otcfpTzQIDAQABAoIBAARoobc0TXKCBEk6
        Xm85tNTtVeL85qpL/aYrl1R6Xr7Qn90X4w+B7B+ohRapSUFj7kuYVdzScFeuaFYV
        liXsZzTzKF9GhmGkH1sxZjC0xenL5GarajXzbQRhjxtmgi/1dskn75d9rCZ8jQkK
        X0DoXV0kcqL8D7tGwFcDYNOZy9fWd7ZjdjGcwyNQzN75rS+o6i5FL108yuXcM4Um
        Nago61jmiPfApvILgmwM5EfDFlYNkfwNJGzup4JrepLZYRDsT66IlCDpjYARu4uA
        P0EAJQsuR8wA2eTQarvw17rCBQk6lmdurd4pN3xc98aEQwPrb3LbEXRAVRe/Z/6N
        CrNrbAECgYEAz17E0XH0Y6Rh4Kpu5p/BlZ7ARjTlzDKmvBlyQokwZCpqXSqNF5rc
        cWOkkM+isp6oP4u9TByYR+pLPQVrKYHqJwm1MbbglPmipn+aiidN6LRD1E2xXuyn
        EWoX+RniRBOqxi7ym0YHEA5k0gv6uq5Hncs696yWng9+OgII2yI1rM0CgYEAt/TQ
        FYPOfkZlYVXL3dL3FvgwVbzc9VSRpLJ/W4BClfjsEG02ENPuDu0r5/3wFJuV/fHE
        bdm5TySku8NeIXgMV5nVGu+dzp44wsdh677BJjcgROS5VEvXBs6WAuf0VWKbH30L
        hptyvdoURUpxkqdB4Z/amqvgj0VOrUtQnrG3QwECgYEAgyejP/zc3zCWnyvsXHzq
        SSFQ5paKSO44Onu1opN2QcP55dcFycouZqDo8pYAhwyFyTsujLcBMWrkD0IgFu6O
        FAa1zS2nOVHyJ3BJY9ucEPQCeoJxDmKLAB6j7u8KBpiRyCrlUoOl7+fKqHbfK7cS
        oKBrOT61PF78LOAgjchDPnkCgYEAjxzszfAvM9o8gQ8ofbjk9n+7ytgV5t8WN9WO
        c3dDVj3EGbt9NnZKXF5zrBbJMp8gf+IZeYTLQCE378O8dblZkMVjH4OPd/FsI0zO
        h4Nt7PcyKabv7/7YmLkbx8MBOXRvTn4P+3bwO3dwEcAqv3dUL94XSgGxwIShAvz3
        CZ8k/gECgYAPIplxKQR+fnbO+Ua22OXENeGOu1T73E3Kcy+CEuRu3slIOD0h+ySS
        XXApNQkNYm7q4An1/NhsMuBTTNWqlyPe1UtfCaCdDFDch11tDRGIPRIDgipG+DnD
        TwIWxvvWW+3GVsi84G0jvAF1xrzRN8FKF/zwbyp+N/DpTV71O8zFKA==
        -----END RSA PRIVATE KEY-----
        """
}
