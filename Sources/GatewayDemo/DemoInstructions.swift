/// What the terminal says once the demo runs: what to open, and commands that work as they stand.
public struct DemoInstructions: Sendable {
    private let address: DemoAddress
    private let port: Int
    private let adminPort: Int
    private let certificate: String
    private let token: (text: String, file: String)?

    /// - Parameters:
    ///   - address: Where the gateway listens.
    ///   - port: Its port.
    ///   - adminPort: The admin endpoint's port on 127.0.0.1.
    ///   - certificate: The path of the certificate, which is its own authority.
    ///   - token: The admin token, and the file that holds it; nil: there is none.
    public init(
        address: DemoAddress, port: Int, adminPort: Int, certificate: String, token: (text: String, file: String)?
    ) {
        self.address = address
        self.port = port
        self.adminPort = adminPort
        self.certificate = Self.quoted(certificate)
        self.token = token.map { ($0.text, Self.quoted($0.file)) }
    }

    /// Several lines, without the last line end.
    public var text: String {
        ([
            "", "Sluice runs its demo. The browser warns about the certificate, because this run has made its own.", "",
            "Open", line("\(origins[0])/", "the page to try it, with the dashboard beside it"),
            line("\(origins[0])\(DemoConfiguration.dashboardPath)", "the dashboard alone"),
            line("http://127.0.0.1:\(adminPort)/", "the same dashboard at the admin address, without TLS"),
        ] + otherOrigins + tokenLines + [
            "", "Type",
        ] + commands.map { "  \($0)" } + [
            "", "The commands trust this certificate", "  \(certificate)", "",
            "Press Ctrl-C to stop. The demo then removes its files.",
        ]).joined(separator: "\n")
    }

    private var origins: [String] { address.origins(port: port) }
    private var socket: String { origins[0].replacing("https://", with: "wss://") }

    /// The remaining names and addresses, if other machines reach them.
    private var otherOrigins: [String] {
        guard !address.isLoopback, origins.count > 1 else { return [] }
        let own = Set(DemoAddress.loopback.origins(port: port))
        let others = origins.dropFirst().filter { !own.contains($0) }
        guard !others.isEmpty else { return [] }
        return ["", "Open on other machines"] + others.map { "  \($0)/" }
    }

    private var tokenLines: [String] {
        guard let token else { return [] }
        return [
            "", "Other machines reach this demo, so the dashboard asks for the admin token of this run",
            "  \(token.text)",
        ]
    }

    /// Every command verifies the certificate.
    private var commands: [String] {
        let statistics = "http://127.0.0.1:\(adminPort)/stats"
        return [
            "curl --cacert \(certificate) \(origins[0])/",
            "SSL_CERT_FILE=\(certificate) python3 -m websockets \(socket)\(DemoBackend.echoPath)",
            "SSL_CERT_FILE=\(certificate) websocat \(socket)\(DemoBackend.chatPath)",
            token.map { "curl -H \"Authorization: Bearer $(cat \($0.file))\" \(statistics)" } ?? "curl \(statistics)",
            "sluice top --admin 127.0.0.1:\(adminPort)" + (token.map { " --token-file \($0.file)" } ?? ""),
        ]
    }

    /// A path as a word of a shell (POSIX.1-2024, XCU §2.2.2).
    private static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isPlain ? path : "'\(path.replacing("'", with: "'\\''"))'"
    }

    private func line(_ address: String, _ what: String) -> String {
        "  \(address)\(String(repeating: " ", count: max(1, 36 - address.count)))\(what)"
    }
}
