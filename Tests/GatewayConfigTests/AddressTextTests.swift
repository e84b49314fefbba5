import GatewayConfig
import Testing

@Suite struct AddressTextTests {
    @Test(arguments: [
        ("127.0.0.1:8080", Address.tcp(host: "127.0.0.1", port: 8080)), ("[::1]:443", .tcp(host: "::1", port: 443)),
        ("Backend.Internal:1", .tcp(host: "backend.internal", port: 1)), ("a:0", .tcp(host: "a", port: 0)),
        ("unix:/run/a.sock", .unix(path: "/run/a.sock")), ("unix:a.sock", .unix(path: "/etc/sluice/a.sock")),
    ])
    func anAddressIsHostAndPortOrAUnixPath(text: String, expected: Address) throws {
        #expect(try parse(.root, "admin: { address: \"\(text)\" }").admin?.address == expected)
    }

    @Test(arguments: [
        ("8080", "0.0.0.0:8080"), (":8080", "0.0.0.0:8080"), ("a", nil), ("a:", nil), ("a:b", nil),
        ("::1:80", "[::1]:80"), ("[::1]", nil), ("[a]:80", nil), ("a b:80", nil), ("a:-1", nil),
        ("http://a:80", "a:80"),
        ("unix:", nil), ("-a:1", nil),
    ])
    func anythingElseIsNoAddress(text: String, meant: String?) {
        let proposal = meant.map { "; did you mean \"\($0)\"?" } ?? ""
        #expect(
            problems(.root, "admin: { address: \"\(text)\" }") == [
                """
                4:19: error: expected an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/sluice.sock, \
                found "\(text)"\(proposal)
                """
            ])
    }

    @Test(arguments: ["10.0.0.256:80", "010.0.0.1:80", "10.0.0:80", "1:80", "0x7f.1:80", "a:+80"])
    func aHostThatEndsInANumberIsAnIPv4Address(text: String) {
        let remedy =
            text == "a:+80"
            ? ""
            : "; a host that ends in a number must be an IPv4 address, four numbers from 0 to 255 without leading zeros"
        #expect(
            problems(.root, "admin: { address: \"\(text)\" }") == [
                """
                4:19: error: expected an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/sluice.sock, \
                found "\(text)"\(remedy)
                """
            ])
    }

    @Test func aServerNeedsAPort() {
        let text = Section.upstream.file(with: "").replacing("s:1", with: "s:0")
        #expect(problems(text) == ["3:26: error: expected a port from 1 to 65535, found \"s:0\""])
    }

    @Test func theUnixPathFitsTheSocketAddress() {
        let fits = "/" + String(repeating: "a", count: 106)
        #expect(problems(.root, "admin: { address: \"unix:\(fits)\" }") == [])
        #expect(
            problems(.root, "admin: { address: \"unix:\(fits)a\" }") == [
                "4:19: error: the path of the unix socket is 108 bytes, limit 107"
            ])
    }
}
