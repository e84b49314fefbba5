import GatewayTelemetry

@testable import GatewayAdmin

extension DashboardSource {
    /// Of a gateway that does nothing.
    static var sample: DashboardSource {
        let telemetry = Telemetry(loops: 1, version: "1.2.3")
        return DashboardSource(
            live: {
                LiveSnapshot(
                    time: 1, readiness: "ready", stats: telemetry.snapshot(uptimeSeconds: 1, draining: false))
            },
            history: MetricHistory(loops: 1), warnings: RecentWarnings())
    }
}

extension AdminSource {
    /// Of a gateway that does nothing.
    static var sample: AdminSource {
        let dashboard = DashboardSource.sample
        return AdminSource(
            snapshot: { dashboard.live().stats }, readiness: { .ready }, connections: { _ in ConnectionList() },
            close: { _, _, _, _ in true }, closeMany: { _, _ in 0 }, reload: { _, _ in .done([]) }, drain: { _ in },
            drainServer: { _, _, _, _ in .noUpstream }, undrainServer: { _, _, _ in .noUpstream },
            rebalance: { _, _, _ in .noUpstream }, dashboard: dashboard)
    }
}
