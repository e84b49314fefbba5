import GatewayConfig
import GatewayPolicy
import Testing

@Suite("X-Request-Id of a trusted proxy")
struct SentRequestIDTests {
    static let longest = String(repeating: "x", count: 128)

    @Test(
        arguments: [
            (["4bf92f3577b34da6a3ce929d0e0e4736"], "10.0.0.1", true), (["Root=1-5759e988:{x}"], "10.0.0.1", true),
            ([longest], "10.0.0.1", true), ([longest + "x"], "10.0.0.1", false), ([""], "10.0.0.1", false),
            (["a b"], "10.0.0.1", false), (["é"], "10.0.0.1", false), (["a", "b"], "10.0.0.1", false),
            (["a", "a"], "10.0.0.1", false), ([], "10.0.0.1", false), (["a"], "203.0.113.9", false),
        ] as [([String], String, Bool)])
    func kept(sent: [String], peer: String, isKept: Bool) throws {
        let fields = HeaderFilterTests.fields(sent.map { ("x-request-id", $0) })
        let peer = try #require(ClientAddress(parsing: peer))
        let id = SentRequestID.kept(fields, from: peer, trusted: ForwardedFieldsTests.trusted)
        #expect(id == (isKept ? sent.first : nil))
    }
}
