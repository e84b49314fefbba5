import ArgumentParser
import Gateway
import GatewayConfig

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `--config FILE`, read and validated.
struct ConfigurationOption: ParsableArguments {
    @Option(name: [.customShort("c"), .customLong("config")], help: "The configuration file (YAML).")
    var path: String

    /// The same, to be read once more later, wherever the process has gone meanwhile.
    var reloadable: ReloadableFile {
        let path = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        return ReloadableFile(path: path) { () throws(ConfigurationErrors) in
            try ConfigurationFile.load(path: path, environment: ProcessInfo.processInfo.environment, now: Date())
        }
    }

    /// Prints every error and exits with 1 when the file is refused.
    func load() throws -> GatewayConfiguration {
        do {
            return try ConfigurationFile.load(
                path: path, environment: ProcessInfo.processInfo.environment, now: Date())
        } catch {
            StandardError.print("\(error)")
            throw Exit.configurationRefused
        }
    }
}
