import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Testing

@Suite struct CommandEnvironmentTests {
    private func request(
        _ target: String = "/", fields: HTTPFields = [:], matched: RouteMatchConfiguration.Path? = nil,
        authority: String = "example.com"
    ) throws -> CommandEnvironment {
        CommandEnvironment(
            fields: fields, target: try RequestTarget(target), matched: matched, authority: authority,
            client: try #require(ClientAddress(parsing: "192.0.2.7")), port: 8443, software: "sluice/1")
    }

    private func variables(
        _ environment: CommandEnvironment, own: [String: String] = [:], configured: [String: String] = [:]
    ) -> [String: String] {
        let pairs = environment.variables(own: own, configured: configured).map { bytes in
            let parts = bytes.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self))
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    @Test func tellsOfTheRequest() throws {
        #expect(
            variables(try request("/chat?room=1&x=%20")) == [
                "GATEWAY_INTERFACE": "CGI/1.1", "HTTP_HOST": "example.com", "PATH": CommandConfiguration.usualPath,
                "PATH_INFO": "/chat", "QUERY_STRING": "room=1&x=%20", "REMOTE_ADDR": "192.0.2.7",
                "REMOTE_HOST": "192.0.2.7", "REQUEST_METHOD": "GET", "REQUEST_URI": "/chat?room=1&x=%20",
                "SCRIPT_NAME": "", "SERVER_NAME": "example.com", "SERVER_PORT": "8443",
                "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "sluice/1",
            ])
    }

    @Test func tellsOfTheConnection() throws {
        var environment = try request(authority: "[2001:db8::1]:99")
        environment.isSecure = true
        environment.version = "2.0"
        environment.port = 0
        environment.subprotocol = "mqtt"
        environment.client = .unix
        let told = variables(environment)
        #expect(told["HTTPS"] == "on")
        #expect(told["SERVER_PROTOCOL"] == "HTTP/2.0")
        #expect(told["SERVER_NAME"] == "[2001:db8::1]")
        #expect(told["SERVER_PORT"] == "99")
        #expect(told["HTTP_HOST"] == "[2001:db8::1]:99")
        #expect(told["HTTP_SEC_WEBSOCKET_PROTOCOL"] == "mqtt")
        #expect(told["REMOTE_ADDR"] == "")
        environment.authority = ""
        #expect(variables(environment)["SERVER_PORT"] == "443")
        #expect(variables(environment)["HTTP_HOST"] == nil)
        environment.isSecure = false
        #expect(variables(environment)["SERVER_PORT"] == "80")
    }

    @Test(
        arguments: [
            ("/chat", .exact("/chat"), "/chat", ""),
            ("/chat", .prefix("/chat"), "/chat", ""),
            ("/chat/", .prefix("/chat"), "/chat", "/"),
            ("/chat/a%20b/c", .prefix("/chat"), "/chat", "/a b/c"),
            ("/chat/x", .prefix("/chat/"), "/chat", "/x"),
            ("/x", .prefix("/"), "", "/x"),
            ("/x/y", nil, "", "/x/y"),
            ("/x/y", .regex("/x/.*"), "", "/x/y"),
            // A slash that is encoded separates nothing, for routes and for scripts.
            ("/a/..%2f..%5cetc", .prefix("/a"), "/a", "/..%2F..%5Cetc"),
            ("/a/%C3%A9%0A", .prefix("/a"), "/a", "/é\n"),
            ("/%61/b", .prefix("/a"), "/a", "/b"),
        ] as [(String, RouteMatchConfiguration.Path?, String, String)])
    func thePathIsTheRoutesAndTheRest(
        target: String, matched: RouteMatchConfiguration.Path?, script: String, rest: String
    ) throws {
        let told = variables(try request(target, matched: matched))
        #expect(told["SCRIPT_NAME"] == script)
        #expect(told["PATH_INFO"] == rest)
        #expect(told["REQUEST_URI"] == target)
    }

    @Test func fieldsAreVariables() throws {
        let name = try #require(HTTPField.Name("X-Tenant"))
        var fields: HTTPFields = [.cookie: "a=b", .userAgent: "x", name: "one"]
        fields.append(HTTPField(name: name, value: "two"))
        fields.append(HTTPField(name: .cookie, value: "c=d"))
        let told = variables(try request(fields: fields))
        #expect(told["HTTP_COOKIE"] == "a=b; c=d")
        #expect(told["HTTP_USER_AGENT"] == "x")
        #expect(told["HTTP_X_TENANT"] == "one, two")
    }

    /// Credentials, what clients of HTTP take for their proxy, what becomes the name of another field.
    @Test(arguments: [
        "Authorization", "Proxy-Authorization", "Proxy", "Content-Length", "Content-Type", "X_Forwarded_For", "X.Y",
    ])
    func aFieldIsWithheld(name: String) throws {
        let fields: HTTPFields = [try #require(HTTPField.Name(name)): "secret"]
        let told = variables(try request(fields: fields))
        #expect(told == variables(try request()))
    }

    @Test func littleComesFromTheGatewaysOwn() throws {
        let own = [
            "PATH": "/opt/bin", "LANG": "C.UTF-8", "TZ": "UTC", "TOKEN": "secret", "LD_PRELOAD": "x", "HOME": "/",
        ]
        let told = variables(try request(), own: own)
        #expect(told["PATH"] == "/opt/bin")
        #expect(told["LANG"] == "C.UTF-8")
        #expect(told["TZ"] == "UTC")
        for name in ["TOKEN", "LD_PRELOAD", "HOME", "LC_ALL"] { #expect(told[name] == nil) }
    }

    @Test func theConfigurationGoesBeforeAll() throws {
        let told = variables(
            try request(), own: ["PATH": "/bin"], configured: ["PATH": "/x", "SERVER_NAME": "y", "A": "=b"])
        #expect(told["PATH"] == "/x")
        #expect(told["SERVER_NAME"] == "y")
        #expect(told["A"] == "=b")
    }

    @Test func valuesAreBytes() throws {
        let fields: HTTPFields = [.userAgent: ""]
        var environment = try request(fields: fields)
        environment.fields = HTTPFields([HTTPField(name: .userAgent, value: [0x61, 0xFF])])
        #expect(environment.variables(own: [:], configured: [:]).contains(Array("HTTP_USER_AGENT=a".utf8) + [0xFF]))
    }
}
