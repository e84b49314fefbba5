import Testing

@testable import GatewayTLS

@Suite("OCSP responses that are stapled")
struct OCSPResponseTests {
    /// As far as it is looked at: a basic response around nothing.
    static let successful: [UInt8] =
        [0x30, 0x16, 0x0A, 0x01, 0x00, 0xA0, 0x11, 0x30, 0x0F, 0x06, 0x09]
        + [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01] + [0x04, 0x02, 0x30, 0x00]

    private func found(_ bytes: [UInt8]) throws -> String? {
        let authority = try TestAuthority()
        try authority.write("a.ocsp", bytes)
        do {
            #expect(try OCSPResponse(authority.path("a.ocsp"), shownAs: "a.ocsp").der == bytes)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("a basic response is taken as it is")
    func basic() throws { #expect(try found(Self.successful) == nil) }

    @Test(
        "what is none is refused",
        arguments: [
            ([0x30, 0x03, 0x0A, 0x01, 0x03], "one that is an error (tryLater)"),
            ([0x30, 0x03, 0x0A, 0x01, 0x09], "one that is an error (9)"),
            ([0x30, 0x03, 0x0A, 0x01, 0x00], "one that is empty"), ([], "something else"),
            (Array("-----BEGIN OCSP RESPONSE-----".utf8), "something else"),
            (successful + [0], "something else"), (Array(successful.dropLast()), "something else"),
            (successful.map { $0 == 0x2B ? 0x2C : $0 }, "one of an unknown kind"),
            ([0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x0A], "something else"), ([0x30, 0x80, 0, 0], "something else"),
        ] as [([UInt8], String)])
    func refused(bytes: [UInt8], expected: String) throws {
        #expect(try found(bytes) == "expected an OCSP response (DER) in a.ocsp, found \(expected)")
    }

    @Test("no beginning of a response is taken for one, and none traps")
    func beginnings() throws {
        for count in 0..<Self.successful.count { #expect(try found(Array(Self.successful.prefix(count))) != nil) }
    }
}
