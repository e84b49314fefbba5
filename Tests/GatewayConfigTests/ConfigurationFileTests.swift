import Foundation
import GatewayConfig
import Testing

@Suite struct ConfigurationFileTests {
    @Test func allErrorsOfAFileComeAtOnceInItsOrder() {
        let text = """
            listeners:
              - name: public
                address: "127.0.0.1:99999"
                tlss: {}
            drain: { spread: soon }
            routes:
              - name: chat
                upstream: chta
                max_message_size: 1MB
            upstreams:
              - name: chat
                servers: [{ address: "10.0.0.1:1", weight: 0 }]
            """
        #expect(
            problems(text) == [
                "3:14: error: expected a port from 0 to 65535, found \"127.0.0.1:99999\"",
                "4:5: error: unknown key \"tlss\"; did you mean \"tls\"?",
                "5:18: error: expected a duration such as 10s, found \"soon\"",
                "8:15: error: unknown upstream \"chta\"; did you mean \"chat\"?",
                "9:23: error: expected a size such as 64KiB, found \"1MB\"; did you mean \"1MiB\"?",
                "12:48: error: expected a number from 1 to 1000, found \"0\"",
            ])
    }

    @Test func anErrorIsPrintedWithFileLineAndColumn() {
        #expect {
            try parse(.root, "drian: {}")
        } throws: { error in
            "\(error)" == """
                test.yaml:4:1: error: unknown key "drian"; did you mean "drain"?
                """
        }
    }

    @Test func listenersAndRoutesAreRequired() {
        #expect(
            problems("log: {}") == [
                "1:1: error: missing key \"listeners\"", "1:1: error: missing key \"routes\"",
            ])
        #expect(
            problems("listeners: []\nroutes: []") == [
                "1:12: error: expected a list of at least one listener, found an empty list",
                "2:9: error: expected a list of at least one route, found an empty list",
            ])
        #expect(problems("") == ["1:1: error: expected a mapping with listeners and routes, found nothing"])
        #expect(problems("# nothing\n") == ["1:1: error: expected a mapping with listeners and routes, found nothing"])
        #expect(problems("[]") == ["1:1: error: expected a mapping with listeners and routes, found a list"])
    }

    @Test func anUnknownKeyFarFromAllIsToldWhatIsKnown() {
        #expect(
            problems(.root, "plugins: {}") == [
                """
                4:1: error: unknown key "plugins"; expected admin, defaults, drain, limits, listeners, log, routes, \
                upstreams
                """
            ])
    }

    @Test func aSectionLeftEmptyIsAnError() {
        #expect(problems(.root, "limits:") == ["4:8: error: expected a mapping, found nothing"])
    }

    @Test func aFileIsReadFromDiskAndItsPathsAreRelativeToIt() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(
            "conf.yaml",
            """
            listeners: [{ name: l, address: "unix:l.sock", tls: { certificates: [{ certificate: a, private_key: b }] } }]
            routes: [{ name: r, respond: 200 }]
            """)
        let configuration = try ConfigurationFile.load(path: path, environment: [:], now: newYear, judge: nil)
        #expect(configuration.listeners[0].address == .unix(path: directory.path + "/l.sock"))
        #expect(
            configuration.listeners[0].tls?.certificates
                == [CertificateFiles(certificate: directory.path + "/a", privateKey: directory.path + "/b")])
    }

    @Test func aByteOrderMarkOfUTF8IsNoPartOfTheText() throws {
        let text = Section.root.file(with: "")
        let directory = try TemporaryDirectory()
        let path = try directory.write("marked.yaml", "\u{FEFF}" + text)
        #expect(
            try ConfigurationFile.load(path: path, environment: [:], now: newYear, judge: nil)
                == parse(text))
        #expect(try parse("\u{FEFF}" + text) == parse(text))
        #expect(problems("\u{FEFF}lisseners: []").first == "1:1: error: missing key \"listeners\"")
    }

    @Test(
        arguments: [
            ([0xFF, 0xFE], String.Encoding.utf16LittleEndian, "UTF-16"), ([0xFE, 0xFF], .utf16BigEndian, "UTF-16"),
            ([], .utf16LittleEndian, "UTF-16"), ([], .utf16BigEndian, "UTF-16"),
            ([0xFF, 0xFE, 0, 0], .utf32LittleEndian, "UTF-32"), ([0, 0, 0xFE, 0xFF], .utf32BigEndian, "UTF-32"),
            ([], .utf32LittleEndian, "UTF-32"), ([], .utf32BigEndian, "UTF-32"),
        ] as [([UInt8], String.Encoding, String)])
    func anotherEncodingIsNamed(mark: [UInt8], encoding: String.Encoding, name: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/other.yaml"
        let content = try #require(Section.root.file(with: "").data(using: encoding))
        try (Data(mark) + content).write(to: URL(fileURLWithPath: path))
        #expect {
            try ConfigurationFile.load(path: path, environment: [:], now: newYear, judge: nil)
        } throws: { "\($0)" == "\(path):1:1: error: the file is \(name) text; save it as UTF-8" }
    }

    @Test func keysThatBeginWithXAreIgnored() throws {
        let text = """
            x-tls: &tls { x-note: 1, client_ca: ca.pem }
            listeners: [{ name: l, address: "a:1", x-b: [1, { c: d }] }]
            routes:
              - name: r
                x-c: "${NOT_SET}"
                upstream: u
                match: { headers: { x-tenant: blue }, query: { x-q: "1" }, x-d: 5 }
                request_headers: { set: { x-env: prod } }
                compression: { x-e: 1, mode: off }
            upstreams: [{ name: u, x-f: , servers: [{ address: "s:1", x-g: 1 }] }]
            limits: { x-h: 1 }
            """
        let route = try parse(text).routes[0]
        #expect(route.match.headers == ["x-tenant": "blue"])
        #expect(route.match.query == ["x-q": "1"])
        #expect(route.requestHeaders.set == ["x-env": "prod"])
        #expect(route.session.compression.mode == .off)
        #expect(problems(.root, "X-a: 1\nxa: 1").count == 2)
    }

    @Test func anErrorIsOneLineWhateverTheFileIsCalled() {
        let issue = ConfigurationIssue(file: "a\n\u{202E}.yaml", line: 1, column: 2, message: "m\u{9B}")
        #expect(issue.description == #"a\n\u202e.yaml:1:2: error: m\u009b"#)
    }

    @Test func aFileThatCannotBeReadIsOneError() throws {
        let directory = try TemporaryDirectory()
        let missing = directory.path + "/none.yaml"
        let binary = directory.path + "/binary.yaml"
        try Data([0xC0, 0xFE, 0x01]).write(to: URL(fileURLWithPath: binary))
        let long = try directory.write("long.yaml", String(repeating: "#", count: ConfigurationFile.sizeLimit + 1))
        let cases = [
            (missing, "\(missing):1:1: error: the file could not be opened: No such file or directory"),
            (directory.path, "\(directory.path):1:1: error: the file could not be read: Is a directory"),
            (binary, "\(binary):1:1: error: the file is not UTF-8 text"),
            (long, "\(long):1:1: error: the file is longer than 1MiB"),
        ]
        for (path, expected) in cases {
            #expect {
                try ConfigurationFile.load(path: path, environment: [:], now: newYear, judge: nil)
            } throws: { "\($0)" == expected }
        }
    }
}
