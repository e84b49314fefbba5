#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads the YAML configuration.
public enum ConfigurationFile {
    /// The longest file that is read, in bytes.
    public static let sizeLimit = 1024 * 1024

    /// Reads and validates the file at `path`: syntax, every key and value, references, certificates.
    ///
    /// - Parameters:
    ///   - path: absolute, or relative to the working directory. Relative paths in the file are relative to it.
    ///   - environment: what `${NAME}` and `${NAME:-default}` refer to.
    ///   - now: what the validity of certificates is measured against.
    ///   - judge: opens certificates, keys and authorities and says what is wrong with them; nil: nothing that the file
    ///     names is opened or looked for.
    /// - Throws: every mistake in the file, not just the first.
    public static func load(
        path: String, environment: [String: String], now: Date = Date(), judge: (any TLSFileJudge)?
    ) throws(ConfigurationErrors) -> GatewayConfiguration {
        let text: String
        do {
            text = try SmallFile.text(path: path, limit: sizeLimit)
        } catch {
            throw ConfigurationErrors(errors: [
                ConfigurationIssue(file: path, line: 1, column: 1, message: "the file \(error.reason)")
            ])
        }
        return try parse(
            text, file: path, directory: directory(of: path), environment: environment, now: now,
            judge: judge)
    }

    /// The text of the file at `path`, to show parts of it; nil: it can't be read.
    public static func source(path: String) -> String? {
        try? SmallFile.text(path: path, limit: sizeLimit)
    }

    /// As `load`, from text: `file` is named in errors, and relative paths are relative to `directory`.
    ///
    /// - Throws: every mistake in the text, not just the first.
    public static func parse(
        _ text: String, file: String, directory: String, environment: [String: String], now: Date,
        judge: (any TLSFileJudge)?
    ) throws(ConfigurationErrors) -> GatewayConfiguration {
        let context = ReadingContext(
            file: file, directory: directory, environment: environment, now: now, judge: judge)
        let configuration = YAMLDocument.read(text, context: context).flatMap { root in
            ConfigurationReader(context: context).read(root)
        }
        guard var configuration, context.issues.isEmpty else {
            throw ConfigurationErrors(errors: context.sortedIssues)
        }
        configuration.warnings = context.sortedWarnings
        return configuration
    }

    private static func directory(of path: String) -> String {
        let absolute = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        guard let slash = absolute.lastIndex(of: "/"), slash != absolute.startIndex else { return "/" }
        return String(absolute[..<slash])
    }
}
