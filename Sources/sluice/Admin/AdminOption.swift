import ArgumentParser
import GatewayConfig

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Which running gateway is asked, where the configuration file does not say it: `--admin`, `--token-file`.
struct AdminOption: ParsableArguments {
    @Option(
        name: .customLong("admin"),
        help: ArgumentHelp(
            "The address of the admin endpoint: host:port, [v6]:port or unix:/path. It replaces admin.address of the "
                + "file and SLUICE_ADMIN.",
            valueName: "address"),
        transform: AdminTarget.address)
    var address: Address?

    @Option(
        name: .customLong("token-file"),
        help: ArgumentHelp(
            "A file that contains the admin token. It replaces admin.token of the file and SLUICE_ADMIN_TOKEN.",
            valueName: "file"),
        completion: .file())
    var tokenFile: String?

    var isGiven: Bool { address != nil || tokenFile != nil }

    /// Of those who say neither file nor address.
    private static var addressInEnvironment: String? {
        ProcessInfo.processInfo.environment["SLUICE_ADMIN"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether a gateway to ask is named at all.
    func validate(beside file: ConfigurationOption) throws {
        guard address == nil, Self.addressInEnvironment == nil else { return }
        try file.requirePath(orAdmin: true)
    }

    /// The gateway that the options, the configuration of `file`, the environment or the default file lead to, in this
    /// order.
    ///
    /// A file that is refused is no obstacle where `--admin` tells the address: the gateway may read it with another
    /// environment.
    ///
    /// - Parameter signal: what does the same without an admin endpoint.
    func target(_ file: ConfigurationOption, signal: String) throws -> AdminTarget {
        if file.given == nil, let address = try address ?? Self.environmentAddress() {
            // The token of the default file may be that of another gateway.
            return AdminTarget(address: address, token: try token(nil))
        }
        guard let path = file.path else { throw Exit.usage }
        let configuration: GatewayConfiguration
        do {
            configuration = try file.read(opensFiles: false)
        } catch {
            guard address == nil else { return try target(nil, path: path, signal: signal) }
            // With every error that there is.
            _ = try file.load()
            throw Exit.configurationRefused
        }
        return try target(configuration, path: path, signal: signal)
    }

    /// - Parameters:
    ///   - configuration: nil: none that could be read, and `--admin` is given.
    ///   - path: of that configuration.
    ///   - signal: what does the same without an admin endpoint.
    func target(_ configuration: GatewayConfiguration?, path: String, signal: String) throws -> AdminTarget {
        let address: Address
        if let given = self.address {
            address = given
        } else if let admin = configuration?.admin {
            guard let configured = AdminTarget.reachable(admin.address) else {
                StandardError.print(
                    "error: admin.address in \(path) is \(admin.address), so the gateway chose a free port; find it in the "
                        + "line \"listening\" of its log, and give the address with --admin")
                throw Exit.configurationRefused
            }
            address = configured
        } else {
            StandardError.print(
                "error: \(path) has no admin section, so no command can reach the gateway; add one such as "
                    + "admin: { address: \"127.0.0.1:9901\" } and restart the gateway\(signal)")
            throw Exit.configurationRefused
        }
        return AdminTarget(address: address, token: try token(configuration))
    }

    private static func environmentAddress() throws -> Address? {
        guard let text = addressInEnvironment else { return nil }
        do {
            return try AdminTarget.address(text)
        } catch {
            StandardError.print("error: SLUICE_ADMIN is \(text), \(error)")
            throw Exit.usage
        }
    }

    private func token(_ configuration: GatewayConfiguration?) throws -> String? {
        if let tokenFile { return try AdminToken.inFile(tokenFile) }
        if let token = configuration?.admin?.token { return token }
        return try AdminToken.checked(
            ProcessInfo.processInfo.environment["SLUICE_ADMIN_TOKEN"] ?? "", from: "SLUICE_ADMIN_TOKEN")
    }
}
