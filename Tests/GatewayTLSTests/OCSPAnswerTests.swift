import Crypto
import Foundation
import SwiftASN1
import Testing
import X509

@testable import GatewayTLS

@Suite("What an OCSP response says of its certificate")
struct OCSPAnswerTests {
    private let authority: TestAuthority
    private let certificates: TLSCertificates
    private let files: TLSServerSettings.Identity
    private static let serial: [UInt8] = [0x00, 0xFE, 0xDC]
    /// 2026-03-01 12:00:00 and seven days later.
    private static let times = (begin: 1_772_366_400 as Int64, end: 1_772_971_200 as Int64)

    init() throws {
        authority = try TestAuthority()
        files = try authority.identity("site", serial: .init(bytes: Self.serial[1...]))
        certificates = try TLSMaterial.certificates(files.certificate, shownAs: "site.pem")
    }

    private func der(_ tag: UInt8, _ content: [UInt8]...) -> [UInt8] {
        let body = content.flatMap { $0 }
        let length: [UInt8] =
            body.count < 128 ? [UInt8(body.count)] : [0x82, UInt8(body.count >> 8), UInt8(body.count & 0xFF)]
        return [tag] + length + body
    }

    private enum Name { case sha1, sha256, other }

    private func response(
        serial: [UInt8] = serial, name: Name = .sha1, status: [UInt8] = [0x80, 0], begin: String = "20260301120000Z",
        end: String? = "20260308120000Z", hasVersion: Bool = false
    ) throws -> OCSPResponse {
        let own = try #require(certificates.chain.first)
        let issuer =
            switch name {
            case .sha1: Array(Insecure.SHA1.hash(data: own.issuerBytes))
            case .sha256: Array(SHA256.hash(data: own.issuerBytes))
            case .other: [UInt8](repeating: 7, count: 20)
            }
        let algorithm: [UInt8] =
            name == .sha256
            ? [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01] : [0x2B, 0x0E, 0x03, 0x02, 0x1A]
        let identifier = der(
            0x30, der(0x30, der(0x06, algorithm), [5, 0]), der(0x04, issuer),
            der(0x04, [UInt8](repeating: 1, count: 20)), der(0x02, serial))
        let single = der(
            0x30, identifier, status, der(0x18, Array(begin.utf8)),
            end.map { der(0xA0, der(0x18, Array($0.utf8))) } ?? [])
        let data = der(
            0x30, hasVersion ? der(0xA0, der(0x02, [0])) : [], der(0xA2, der(0x04, [1, 2, 3])),
            der(0x18, Array("20260301120000Z".utf8)), der(0x30, single))
        let basic = der(0x30, data, der(0x30, [5, 0]), der(0x03, [0, 1]))
        let all = der(
            0x30, der(0x0A, [0]),
            der(0xA0, der(0x30, der(0x06, [0x2B, 6, 1, 5, 5, 7, 0x30, 1, 1]), der(0x04, basic))))
        try authority.write("site.ocsp", all)
        return try OCSPResponse(authority.path("site.ocsp"), shownAs: "site.ocsp")
    }

    private func judge(_ response: OCSPResponse, now: Int64 = times.begin + 10) -> OCSPResponse.Judgement {
        response.judgement(beside: certificates, now: now)
    }

    @Test("one that is in its time and about the certificate is stapled")
    func good() throws {
        for (name, hasVersion) in [(Name.sha1, false), (.sha256, true)] {
            let response = try response(name: name, hasVersion: hasVersion)
            #expect(response.answers?.count == 1)
            #expect(judge(response) == .init(changesAt: Self.times.end + 1))
        }
        #expect(judge(try response(end: nil), now: .max) == .init())
    }

    @Test("one of another certificate is not")
    func other() throws {
        let expected = OCSPResponse.Judgement(
            isStapled: false,
            warning:
                "the OCSP response in site.ocsp is not for the certificate in site.pem; the gateway does not staple it")
        #expect(judge(try response(serial: [0x01])) == expected)
        #expect(judge(try response(name: .other)) == expected)
    }

    @Test("one that is out of date or of the future is not, and is looked at again when it begins")
    func time() throws {
        let response = try response()
        #expect(judge(response, now: Self.times.end).warning == nil)
        #expect(
            judge(response, now: Self.times.end + 1)
                == .init(
                    isStapled: false,
                    warning: "the OCSP response in site.ocsp was valid until 2026-03-08; the gateway does not staple it"
                ))
        #expect(judge(response, now: Self.times.begin).warning == nil)
        #expect(
            judge(response, now: Self.times.begin - 1)
                == .init(
                    isStapled: false,
                    warning:
                        "the OCSP response in site.ocsp is not valid before 2026-03-01; the gateway does not staple it",
                    changesAt: Self.times.begin))
    }

    @Test("one that brings bad news is stapled all the same")
    func badNews() throws {
        let revoked = judge(try response(status: der(0xA1, der(0x18, Array("20260301120000Z".utf8)))))
        #expect(revoked.isStapled)
        #expect(revoked.warning == "the OCSP response in site.ocsp says that the certificate is revoked")
        let unknown = judge(try response(status: [0x82, 0]))
        #expect(unknown.isStapled)
        #expect(
            unknown.warning == "the OCSP response in site.ocsp says that its authority does not know the certificate")
    }

    @Test("a time that is none, or any beginning, is nothing to go by, and traps nowhere")
    func unreadable() throws {
        for text in ["", "20261301120000Z", "20260301120000", "\u{0}0260301120000Z", "99999999999999Z"] {
            #expect(judge(try response(begin: text)) == .init())
        }
        let response = try response().der
        for count in 0..<response.count { #expect(OCSPAnswer.all(in: response.prefix(count)) == nil) }
    }

    @Test("a listener staples it as long as it is good")
    func served() throws {
        _ = try response()
        var identity = files
        identity.ocsp = authority.path("site.ocsp")
        var settings = TLSServerSettings(identities: [identity])
        for (now, isStapled) in [(Self.times.begin, true), (Self.times.end + 1, false)] {
            settings.now = { now }
            let context = try TLSServerContext(settings)
            #expect(context.warnings.isEmpty == isStapled)
            #expect(context.outdatedAt == (isStapled ? Self.times.end + 1 : nil))
            var client = TLSClientSettings()
            client.verifies = false
            client.asksForStatus = true
            let pair = try EnginePair(context, TLSClientContext(client)).shakeHands()
            #expect((pair.client.connection.negotiated.ocspResponse != nil) == isStapled)
        }
    }
}
