public import GatewayTelemetry

/// What the dashboard asks of the gateway, beside what others ask.
public struct DashboardSource: Sendable {
    /// Everything at this moment.
    public var live: @Sendable () -> LiveSnapshot
    public var history: MetricHistory
    public var warnings: RecentWarnings
    /// When the configuration in force came into force, or its certificates were read: another number whenever what
    /// ``configuration`` gives has changed.
    public var configurationVersion: @Sendable () -> Double
    /// The configuration in force, as a JSON object.
    public var configuration: @Sendable () -> [UInt8]

    public init(
        live: @escaping @Sendable () -> LiveSnapshot, history: MetricHistory, warnings: RecentWarnings,
        configurationVersion: @escaping @Sendable () -> Double = { 0 },
        configuration: @escaping @Sendable () -> [UInt8] = { Array("{}".utf8) }
    ) {
        self.live = live
        self.history = history
        self.warnings = warnings
        self.configurationVersion = configurationVersion
        self.configuration = configuration
    }
}
