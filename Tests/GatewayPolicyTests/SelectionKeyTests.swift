import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Testing

@Suite("What a server is chosen by")
struct SelectionKeyTests {
    struct Request: Sendable {
        var target = "/"
        var authority = "a.example"
        var fields: HTTPFields = [:]
        var client = "192.0.2.1"

        func key(_ source: UpstreamConfiguration.HashSource) throws -> UInt64 {
            SelectionKey.make(
                source, target: try RequestTarget(target), authority: authority, fields: fields,
                client: try #require(ClientAddress(parsing: client)))
        }
    }

    private static let room = HTTPField.Name("X-Room") ?? .via

    private static func room(_ values: String...) -> HTTPFields {
        HTTPFields(values.map { HTTPField(name: room, value: $0) })
    }

    private static func cookies(_ values: String...) -> HTTPFields {
        HTTPFields(values.map { HTTPField(name: .cookie, value: $0) })
    }

    @Test(arguments: [
        (UpstreamConfiguration.HashSource.ip, Request(target: "/a"), Request(target: "/b", authority: "b")),
        (.ip, Request(client: "2001:db8::1"), Request(client: "2001:db8::ffff:1")),
        (.path, Request(target: "/a/./b?x"), Request(target: "/a/b", client: "192.0.2.2")),
        (.header("x-room"), Request(fields: room("a")), Request(fields: room("a"), client: "192.0.2.2")),
        (.header("x-room"), Request(fields: room("a", "b")), Request(fields: room("a, b"))),
        (.header("host"), Request(client: "192.0.2.2"), Request()),
        (.query("r"), Request(target: "/?r=%61&r=b"), Request(target: "/x?q=1&r=a", client: "192.0.2.2")),
        (.cookie("s"), Request(fields: cookies("t=1; s=a")), Request(fields: cookies("u=2", "s=a;s=b"))),
        (.header("x-room"), Request(fields: room("")), Request()),
        (.cookie("s"), Request(fields: cookies("s=")), Request(fields: cookies("S=a; ss=b; s"))),
        (.query("r"), Request(target: "/?r"), Request(target: "/")),
    ])
    func requestsAlikeHaveOneKey(source: UpstreamConfiguration.HashSource, one: Request, other: Request) throws {
        #expect(try one.key(source) == other.key(source))
    }

    @Test(arguments: [
        (UpstreamConfiguration.HashSource.ip, Request(), Request(client: "192.0.2.2")),
        (.ip, Request(client: "2001:db8:0:1::1"), Request(client: "2001:db8:0:2::1")),
        (.path, Request(target: "/a"), Request(target: "/A")),
        (.header("x-room"), Request(fields: room("a")), Request(fields: room("b"))),
        (.header("host"), Request(), Request(authority: "b.example")),
        (.query("r"), Request(target: "/?r=a"), Request(target: "/?r=b")),
        (.cookie("s"), Request(fields: cookies("s=a")), Request(fields: cookies("s=b"))),
        // Without a value it is the client that counts.
        (.header("x-room"), Request(), Request(client: "192.0.2.2")),
        (.query("r"), Request(), Request(client: "192.0.2.2")),
        (.cookie("s"), Request(), Request(client: "192.0.2.2")),
    ])
    func requestsUnlikeHaveKeysOfTheirOwn(
        source: UpstreamConfiguration.HashSource, one: Request, other: Request
    ) throws {
        #expect(try one.key(source) != other.key(source))
    }
}
