import ArgumentParser
import Gateway
import GatewayConfig

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `FILE` or `--config FILE`, read and validated.
struct ConfigurationOption: ParsableArguments {
    /// What is read where nothing else is named.
    static let defaultPath = "/etc/sluice/sluice.yaml"

    @Argument(
        help: ArgumentHelp(
            "The configuration file (YAML). Without it, the command reads \(defaultPath).", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var argument: String?

    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("The same file, as an option.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var option: String?

    init() {}

    /// For commands with an option alone.
    init(given: String?) {
        argument = nil
        option = given
    }

    /// nil: no file is named.
    var given: String? { option ?? argument }

    /// The default one where none is named; nil: that is not there either.
    var path: String? {
        given ?? (FileManager.default.fileExists(atPath: Self.defaultPath) ? Self.defaultPath : nil)
    }

    func validate() throws {
        guard argument == nil || option == nil else {
            throw ValidationError("expected one configuration file, found two: give FILE or --config FILE")
        }
    }

    /// For commands that can't do without.
    ///
    /// - Parameter orAdmin: whether the address of an admin endpoint would do as well.
    func requirePath(orAdmin: Bool = false) throws {
        guard path != nil else {
            throw ValidationError(
                "expected a configuration file, and the default \(Self.defaultPath) does not exist; give FILE or --config "
                    + "FILE\(orAdmin ? ", or --admin ADDRESS" : "")")
        }
    }

    /// The same, to be read once more later, wherever the process has gone meanwhile.
    var reloadable: ReloadableFile {
        let given = path ?? ""
        let path = given.hasPrefix("/") ? given : FileManager.default.currentDirectoryPath + "/" + given
        return ReloadableFile(path: path) { () throws(ConfigurationErrors) in
            try ConfigurationFile.load(path: path, environment: ProcessInfo.processInfo.environment, now: Date())
        }
    }

    /// Prints every error and exits with 1 when the file is refused.
    func load() throws -> GatewayConfiguration {
        do {
            return try read(opensFiles: true)
        } catch {
            StandardError.show(error.errors, of: path ?? "")
            throw Exit.configurationRefused
        }
    }

    /// - Parameter opensFiles: whether certificates and keys are opened, which only the gateway's user may be able to.
    func read(opensFiles: Bool) throws(ConfigurationErrors) -> GatewayConfiguration {
        try ConfigurationFile.load(
            path: path ?? "", environment: ProcessInfo.processInfo.environment, now: Date(), opensFiles: opensFiles)
    }
}
