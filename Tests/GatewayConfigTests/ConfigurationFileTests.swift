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
        let configuration = try ConfigurationFile.load(path: path, environment: [:], now: newYear, checkFiles: false)
        #expect(configuration.listeners[0].address == .unix(path: directory.path + "/l.sock"))
        #expect(
            configuration.listeners[0].tls?.certificates
                == [CertificateFiles(certificate: directory.path + "/a", privateKey: directory.path + "/b")])
    }

    @Test func aFileThatCannotBeReadIsOneError() throws {
        let directory = try TemporaryDirectory()
        let missing = directory.path + "/none.yaml"
        let binary = directory.path + "/binary.yaml"
        try Data([0xFF, 0xFE, 0x00]).write(to: URL(fileURLWithPath: binary))
        let long = try directory.write("long.yaml", String(repeating: "#", count: ConfigurationFile.sizeLimit + 1))
        let cases = [
            (missing, "\(missing):1:1: error: the file could not be opened: No such file or directory"),
            (directory.path, "\(directory.path):1:1: error: the file could not be read: Is a directory"),
            (binary, "\(binary):1:1: error: the file is not UTF-8 text"),
            (long, "\(long):1:1: error: the file is longer than 1MiB"),
        ]
        for (path, expected) in cases {
            #expect {
                try ConfigurationFile.load(path: path, environment: [:], now: newYear)
            } throws: { "\($0)" == expected }
        }
    }
}
