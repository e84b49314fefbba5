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
        abstract: "Run a gateway with two servers behind it, and a page to try it, with the dashboard beside it.",
        discussion: """
            You need no file. The demo makes a certificate for this run, and removes it when it stops.

            With --listen other machines can open the page. The dashboard then asks for a token, which the demo prints.

            Examples:
              sluice demo
              sluice demo --port 0 --admin-port 0
              sluice demo --listen 0.0.0.0

            What it shows: README.md of the source.
            """)

    @Option(
        help: ArgumentHelp(
            "The name or IP address that the gateway listens on; 0.0.0.0 and :: are all addresses of this machine.",
            valueName: "address"))
    var listen = "localhost"

    @Option(
        help: "The port that the gateway listens on, 8443 by default; 0 means any free port.", transform: Self.port)
    var port = 8443

    @Option(
        help: "The port of the admin endpoint on 127.0.0.1, 9901 by default; 0 means any free port.",
        transform: Self.port)
    var adminPort = 9901

    private static func port(_ text: String) throws -> Int {
        guard let port = Int(decimalDigits: text), port <= 65_535 else {
            throw ValidationError("port is \(text), expected 0 to 65535")
        }
        return port
    }

    func validate() throws {
        if port == adminPort, port != 0 {
            throw ValidationError("--port and --admin-port are both \(port), expected two different ports")
        }
        do {
            _ = try DemoAddress(listen, machine: DemoMachine(addresses: [], names: []))
        } catch {
            throw ValidationError("--listen: \(error)")
        }
    }

    func run() async throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("sluice-demo-\(ProcessInfo.processInfo.processIdentifier)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let configuration: GatewayConfiguration
        let instructions: DemoInstructions
        do {
            (configuration, instructions) = try await prepare(in: directory)
        } catch {
            StandardError.print("error: \(error)")
            throw Exit.couldNotStart
        }
        try await Foreground.run(configuration, settings: .init(log: LogSettings(configuration.log))) { _ in
            print(instructions.text)
            // Whoever reads a pipe wants to know the address as well.
            fflush(nil)
        }
    }

    /// Does everything that comes before the gateway: ports, files, the servers behind it.
    private func prepare(in directory: String) async throws -> (GatewayConfiguration, DemoInstructions) {
        try FileDescriptorLimit.check(forLoops: System.coreCount)
        let address = try DemoAddress(listen, machine: .current())
        let port = try await DemoPort.resolve(port, host: address.bound, option: "--port")
        let adminPort = try await DemoPort.resolve(adminPort, host: "127.0.0.1", option: "--admin-port")
        let certificate = try DemoCertificate.make(for: address.hosts, in: directory, now: Date())
        var token: (text: String, file: String)?
        if !address.isLoopback {
            let made = (text: DemoToken.make(), file: "\(directory)/token")
            try DemoFile.write(made.text + "\n", to: made.file, mode: 0o600)
            token = made
        }
        let backends = try await DemoBackend.start(2, group: MultiThreadedEventLoopGroup.singleton)
        return (
            DemoConfiguration.make(
                at: address, port: port, adminPort: adminPort, backendPorts: backends.map(\.port),
                certificate: certificate, token: token?.text),
            DemoInstructions(
                address: address, port: port, adminPort: adminPort, certificate: certificate.certificate, token: token)
        )
    }
}
