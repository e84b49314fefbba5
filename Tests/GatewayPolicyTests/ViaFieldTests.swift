import HTTPTypes
import Testing

@testable import GatewayPolicy

@Suite("Via (RFC 9110 §7.6.3)")
struct ViaFieldTests {
    private func fields(_ lines: [String]) -> HTTPFields {
        lines.reduce(into: HTTPFields()) { $0.append(HTTPField(name: .via, value: $1)) }
    }

    @Test(
        "a request that has been here says so",
        arguments: [
            (["1.1 sluice-1"], true), (["1.0 fred, 1.1 sluice-1"], true), (["1.0 fred", "2.0 sluice-1 (edge)"], true),
            (["HTTP/1.1\tsluice-1,1.0 fred"], true), (["1.1 sluice-12"], false), (["1.1 SLUICE-1"], false),
            (["sluice-1"], false), (["1.1 fred (sluice-1)"], false), ([""], false), ([","], false), ([], false),
        ])
    func loops(lines: [String], isLoop: Bool) {
        #expect(ViaField.names("sluice-1", in: fields(lines)) == isLoop)
    }

    @Test("an element has the version and the pseudonym")
    func element() {
        #expect(ViaField.element(version: "2.0", pseudonym: "sluice-1") == "2.0 sluice-1")
        #expect(ViaField.names("sluice-1", in: fields([ViaField.element(version: "1.1", pseudonym: "sluice-1")])))
    }
}
