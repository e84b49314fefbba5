import ArgumentParser
import Gateway
import GatewayConfig
import GatewayDemo
import NIOCore
import NIOPosix

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a gateway with an echo and chat backend, and a page to try it.",
        discussion: """
            Nothing has to be written first: the certificate is made on the fly, and removed at the end.

            Examples:
              sluice demo
              sluice demo --port 0 --admin-port 0

            What it shows: README.md of the source.
            """)

    @Option(help: "The gateway's port on localhost; 0: any.", transform: Self.port)
    var port = 8443

    @Option(help: "The admin endpoint's port on 127.0.0.1; 0: any.", transform: Self.port)
    var adminPort = 9901

    private static func port(_ text: String) throws -> Int {
        guard let port = Int(decimalDigits: text), port <= 65_535 else {
            throw ValidationError("port is \(text), expected 0 to 65535")
        }
        return port
    }

    func run() async throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("sluice-demo-\(ProcessInfo.processInfo.processIdentifier)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let configuration: GatewayConfiguration
        do {
            try FileDescriptorLimit.check(forLoops: System.coreCount)
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let certificate = try DemoCertificate.make(in: directory, now: Date())
            let backend = try await DemoBackend.start(group: MultiThreadedEventLoopGroup.singleton)
            configuration = DemoConfiguration.make(
                port: try await Self.known(port), adminPort: try await Self.known(adminPort), backendPort: backend.port,
                certificate: certificate)
        } catch {
            StandardError.print("error: \(error)")
            throw Exit.couldNotStart
        }
        try await Foreground.run(configuration, settings: .init(log: LogSettings(configuration.log))) { gateway in
            print(Self.instructions(gateway.addresses))
            // Whoever reads a pipe wants to know the address as well.
            fflush(nil)
        }
    }

    /// A free port in place of 0: the page and the origins it may connect from name the port.
    private static func known(_ port: Int) async throws -> Int {
        guard port == 0 else { return port }
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let free = channel.localAddress?.port
        try await channel.close()
        return free ?? 0
    }

    private static func instructions(_ addresses: [(name: String, address: Address)]) -> String {
        func port(_ name: String) -> Int {
            guard case .tcp(_, let port)? = addresses.first(where: { $0.name == name })?.address else { return 0 }
            return port
        }
        let gateway = addresses.first { $0.name != "admin" }.map { port($0.name) } ?? 0
        let admin = port("admin")
        return """

            Sluice is running. The certificate is made for this run, so the browser will ask once.

              open   https://localhost:\(gateway)/                 a page to try it
              open   http://127.0.0.1:\(admin)/                 its dashboard; /stats and /metrics for programs

              type   curl -s http://127.0.0.1:\(admin)/stats
              type   python3 -m websockets wss://localhost:\(gateway)/echo    (needs the certificate to be trusted)

            Ctrl-C stops it.
            """
    }
}
