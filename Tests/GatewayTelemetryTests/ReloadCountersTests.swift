import Testing

@testable import GatewayTelemetry

@Suite("Reloads of the configuration")
struct ReloadCountersTests {
    @Test func theStartIsNoReload() {
        let reloads = ReloadCounters()
        reloads.applied(at: 100, isReload: false)
        #expect(reloads.snapshot.loadedAt == 100)
        #expect(reloads.snapshot.reloadsTotal == .init(applied: 0, refused: 0))
    }

    @Test("a refused reload leaves the time of the configuration in force, until one is applied")
    func refusals() {
        let reloads = ReloadCounters()
        reloads.applied(at: 100, isReload: false)
        reloads.refused()
        #expect(reloads.snapshot.loadedAt == 100)
        #expect(reloads.snapshot.lastReloadRefused)
        reloads.applied(at: 250, isReload: true)
        #expect(reloads.snapshot.loadedAt == 250)
        #expect(!reloads.snapshot.lastReloadRefused)
        #expect(reloads.snapshot.reloadsTotal == .init(applied: 1, refused: 1))
    }

    @Test(arguments: [
        "sluice_configuration_loaded_timestamp_seconds 250.0",
        "sluice_configuration_last_reload_refused 1",
        "sluice_configuration_reloads_total{result=\"applied\"} 1",
        "sluice_configuration_reloads_total{result=\"refused\"} 1",
    ])
    func asMetrics(line: String) {
        let telemetry = Telemetry(loops: 1, version: "0.1.0")
        telemetry.reloads.applied(at: 250, isReload: true)
        telemetry.reloads.refused()
        let text = PrometheusText(telemetry.snapshot(uptimeSeconds: 1, draining: false)).render()
        #expect(text.split(separator: "\n").contains(line[...]))
    }
}
