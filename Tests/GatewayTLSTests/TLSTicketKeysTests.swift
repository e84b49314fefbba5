import Foundation
import Testing

@testable import GatewayTLS

@Suite("Keys of session tickets")
struct TLSTicketKeysTests {
    private func opened(_ keys: TLSTicketKeys, _ key: TLSTicketKeys.Key) -> (key: TLSTicketKeys.Key, isOld: Bool)? {
        key.name.withUnsafeBufferPointer { keys.opening($0) }
    }

    @Test("the process's own keys seal for 12 hours and open for 24 more")
    func rotation() throws {
        let clock = TestClock()
        let keys = TLSTicketKeys(now: { clock.now })
        let first = try #require(keys.sealing())
        clock.advance(hours: 11)
        #expect(keys.sealing() == first)
        #expect(opened(keys, first)?.isOld == false)
        clock.advance(hours: 1)
        #expect(opened(keys, first)?.isOld == true)
        let second = try #require(keys.sealing())
        #expect(second != first)
        #expect(second.name != first.name && second.cipherKey.count == 32 && second.hmacKey.count == 32)
        clock.advance(hours: 23)
        #expect(opened(keys, first)?.key == first)
        clock.advance(hours: 1)
        #expect(opened(keys, first) == nil)
        #expect(opened(keys, second)?.key == second)
    }

    @Test("a file has keys of 80 bytes or of 48, the first of which seals")
    func files() throws {
        let authority = try TestAuthority()
        let bytes = (0..<240).map { UInt8($0) }
        func keys(_ count: Int) throws -> TLSTicketKeys {
            try authority.write("keys", Array(bytes.prefix(count)))
            return try TLSTicketKeys(file: authority.path("keys"))
        }
        let long = try #require(try keys(80).sealing())
        #expect(long.name == Array(0..<16) && long.hmacKey == Array(16..<48) && long.cipherKey == Array(48..<80))
        let short = try #require(try keys(48).sealing())
        #expect(short.name == Array(0..<16) && short.cipherKey == Array(16..<32) && short.hmacKey == Array(32..<48))
        let both = try keys(240)
        #expect(both.sealing() == long)
        let second = TLSTicketKeys.Key(
            name: Array(80..<96), cipherKey: Array(128..<160), hmacKey: Array(96..<128))
        #expect(opened(both, second)?.isOld == true)
    }

    @Test("a file of another length is refused, and the keys of before stay", arguments: [0, 1, 47, 79, 81, 100])
    func lengths(count: Int) throws {
        let authority = try TestAuthority()
        try authority.write("keys", [UInt8](repeating: 1, count: 80))
        let keys = try TLSTicketKeys(file: authority.path("keys"))
        let before = keys.sealing()
        try authority.write("keys", [UInt8](repeating: 2, count: count))
        let failure = #expect(throws: TLSMaterialFailure.self) { try keys.reload() }
        #expect(
            failure?.description
                == "expected ticket keys of 80 or 48 bytes each in \"\(authority.path("keys"))\", found \(count) bytes; make"
                + " one with openssl rand 80")
        #expect(keys.sealing() == before)
    }

    @Test("more keys than are looked through are refused, and so is a file that is not there")
    func limits() throws {
        let authority = try TestAuthority()
        try authority.write("keys", [UInt8](repeating: 1, count: 80 * 65))
        #expect(throws: TLSMaterialFailure.self) { try TLSTicketKeys(file: authority.path("keys")) }
        #expect(throws: TLSMaterialFailure.self) { try TLSTicketKeys(file: authority.path("none")) }
    }
}
