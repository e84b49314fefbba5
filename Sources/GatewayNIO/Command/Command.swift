import GatewayConfig

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The command of a route: what is started for each of its WebSockets. As immutable as its generation.
final class Command: Sendable {
    let configuration: CommandConfiguration
    /// The gateway's environment.
    let environment = ProcessInfo.processInfo.environment

    init(_ configuration: CommandConfiguration) { self.configuration = configuration }

    /// As lists and logs have it.
    var name: String { "command:\(configuration.name)" }
}
