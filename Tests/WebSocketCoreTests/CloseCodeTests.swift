import Testing
import WebSocketCore

@Suite("Close codes (RFC 6455 §7.4)")
struct CloseCodeTests {
    @Test(
        "may be in a Close frame",
        arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
            as [UInt16])
    func valid(code: UInt16) {
        #expect(CloseCode(rawValue: code).isValidOnWire)
    }

    @Test(
        "may not be in a Close frame",
        arguments: [0, 1, 125, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] as [UInt16])
    func invalid(code: UInt16) {
        #expect(!CloseCode(rawValue: code).isValidOnWire)
    }

    @Test("never on the wire: no status received, abnormal closure, TLS handshake")
    func reserved() {
        for code in [CloseCode.noStatusReceived, .abnormalClosure, .tlsHandshake] {
            #expect(!code.isValidOnWire, "\(code)")
        }
    }
}
