import ArgumentParser
import GatewayCommands
import GatewayConfig

/// `sluice config`: what is in force, and what may be.
struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print a configuration with all its defaults, or the schema of configuration files.",
        discussion: """
            Examples:
              sluice config print sluice.yaml
              sluice config schema > sluice.schema.json

            Every key: docs/configuration.md of the source.
            """,
        subcommands: [ConfigPrint.self, ConfigSchema.self, ConfigReference.self])
}

struct ConfigPrint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print",
        abstract: "Print the effective configuration: the file with every default filled in.",
        usage: "sluice config print [--config] <file> [--json]",
        discussion: """
            Reads and validates the file as sluice check does, and exits with 1 if it has mistakes. The settings of \
            defaults stand in the routes that they apply to, and paths are absolute. A key that is not set and has no \
            default is left out.

            Values that may be secrets are masked as masked-1, masked-2 and so on; equal values have the same mask. These \
            are the admin token, secrets of cookies, values of header and query conditions and of header changes, queries \
            of redirects and health checks, arguments and variables of commands, and bodies and fields of fixed answers. \
            sluice check accepts what this command prints.

            Examples:
              sluice config print sluice.yaml
              sluice config print --json sluice.yaml | jq '.routes[] | { name, idle_timeout }'

            Every key: docs/configuration.md of the source.
            """)

    @OptionGroup var file: ConfigurationOption

    @Flag(help: "Print JSON instead of YAML.")
    var json = false

    func validate() throws {
        try file.requirePath()
    }

    func run() throws {
        let configuration = try file.load()
        StandardError.show(configuration.warnings, of: file.path ?? "")
        guard !json else { return StandardOutput.write(JSONText.write(configuration.effective)) }
        StandardOutput.write(try configuration.effectiveText())
    }
}

struct ConfigSchema: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print a JSON Schema of configuration files, for editors.",
        discussion: """
            An editor with a YAML language server completes and checks keys and values with it. Name it in the first line \
            of a configuration file:
              # yaml-language-server: $schema=sluice.schema.json

            The schema knows the form of a file. sluice check also opens the files that it names, and compares values.

            Examples:
              sluice config schema > sluice.schema.json

            Every key: docs/configuration.md of the source.
            """)

    func run() {
        StandardOutput.write(ConfigurationSchema.json)
    }
}

/// What scripts/reference and scripts/manual make the documents of.
struct ConfigReference: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print a description of every key, as JSON.", shouldDisplay: false)

    func run() {
        StandardOutput.write(KeyReference.json)
    }
}
