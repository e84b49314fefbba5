public import GatewayConfig
import GatewayNIO

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

extension ConfigurationFile {
    /// Reads and validates a file and all that it names, as the gateway will.
    ///
    /// - Parameters:
    ///   - path: absolute, or relative to the working directory. Relative paths in the file are relative to it.
    ///   - environment: what `${NAME}` and `${NAME:-default}` refer to.
    ///   - now: what the validity of certificates is measured against.
    ///   - opensFiles: whether certificates, keys and programs are looked at, which only the gateway's user may be able to.
    /// - Throws: every mistake in the file, not just the first.
    public static func load(
        path: String, environment: [String: String], now: Date, opensFiles: Bool = true
    ) throws(ConfigurationErrors) -> GatewayConfiguration {
        try load(path: path, environment: environment, now: now, judge: opensFiles ? TLSMaterialJudge() : nil)
    }
}
