import GatewayPolicy
import Testing

@Suite("Client address (RFC 4291, RFC 5952)")
struct ClientAddressTests {
    @Test(arguments: [
        ("1.2.3.4", "1.2.3.4"), ("255.255.255.255", "255.255.255.255"), ("0.0.0.0", "0.0.0.0"), ("::", "::"),
        ("::1", "::1"), ("2001:DB8::1", "2001:db8::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"), ("1::", "1::"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::ffff:1.2.3.4", "1.2.3.4"), ("::ffff:102:304", "1.2.3.4"),
        ("64:ff9b::1.2.3.4", "64:ff9b::102:304"), ("0:0:0:0:0:0:0:0", "::"),
    ])
    func textThatIsAnAddress(text: String, canonical: String) throws {
        let address = try #require(ClientAddress(parsing: text))
        #expect(address.description == canonical)
        #expect(ClientAddress(bytes: address.bytes) == address)
        #expect(ClientAddress(parsing: canonical) == address)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.", "1.2.3.a", " 1.2.3.4", "1.2.3.4 ", "+1.2.3.4", ":",
        ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "12345::", "g::", "[::1]",
        "fe80::1%eth0", "::1.2.3", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "unix", "localhost",
        String(repeating: "1", count: 100),
    ])
    func textThatIsNone(text: String) {
        #expect(ClientAddress(parsing: text) == nil)
    }

    @Test(arguments: [0, 3, 5, 15, 17])
    func aWrongNumberOfBytes(count: Int) {
        #expect(ClientAddress(bytes: [UInt8](repeating: 1, count: count)) == nil)
    }

    @Test func anIPv4MappedAddressIsTheIPv4One() {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1]
        #expect(ClientAddress(bytes: mapped) == ClientAddress(bytes: [10, 0, 0, 1]))
    }
}
