import GatewayConfig
import GatewayNIO
import GatewayTelemetry

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The configuration in force as the dashboard shows it: in words, without secrets, and with the certificates.
private struct ShownConfiguration: Encodable {
    /// nil: it came from no file.
    var file: String?
    var sections: [ConfigurationSection]
    var certificates: [GatewayServer.ShownCertificate]
    var warnings: [ConfigurationIssue]
}

extension Gateway {
    var shownConfiguration: [UInt8] {
        let configuration = server.generation.configuration
        let shown = ShownConfiguration(
            file: settings.file?.path, sections: configuration.sections, certificates: server.shownCertificates,
            warnings: configuration.warnings)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(shown)).map(Array.init) ?? Array("{}".utf8)
    }

    /// Another number whenever ``shownConfiguration`` may have changed: by a reload, or by files of certificates.
    var shownConfigurationVersion: Double {
        server.shownCertificates.reduce(server.process.telemetry.reloads.snapshot.loadedAt) {
            $0 + Double($1.notAfter % 1_000_000_007) * 1e-3
        }
    }
}
