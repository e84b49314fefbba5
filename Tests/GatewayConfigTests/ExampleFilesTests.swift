import Foundation
import GatewayConfig
import Testing

@Suite struct ExampleFilesTests {
    /// The package's own `conf` folder.
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("conf").path

    static let files =
        ["sluice.yaml"]
        + ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/examples")) ?? [])
        .filter { $0.hasSuffix(".yaml") }.sorted().map { "examples/" + $0 }

    @Test func theFolderHoldsExamples() {
        #expect(Self.files.count > 3)
    }

    @Test(arguments: files)
    func anExampleIsAccepted(file: String) throws {
        let configuration = try ConfigurationFile.load(
            path: Self.folder + "/" + file, environment: ["SLUICE_ADMIN_TOKEN": "secret"], now: newYear,
            judge: nil)
        #expect(!summary(of: configuration).isEmpty)
    }

    @Test func theFullExampleShowsTheDefaults() throws {
        let configuration = try ConfigurationFile.load(
            path: Self.folder + "/sluice.yaml", environment: [:], now: newYear, judge: nil)
        #expect(configuration.limits == ProcessLimits())
        #expect(configuration.log == LogConfiguration())
        #expect(configuration.drain == DrainConfiguration())
        let last = try #require(configuration.routes.last)
        #expect(last == RouteConfiguration(name: "everything-else", action: .upstream("echo")))
        #expect(configuration.admin?.token == nil)
    }
}
