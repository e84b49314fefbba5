import GatewayTelemetry

/// A route as it lives through configurations: its counters. What it may hold of the caps, `Admission` knows by its name.
final class LiveRoute: Sendable {
    let name: String
    let counters: RouteTelemetry
    private let telemetry: Telemetry

    init(name: String, telemetry: Telemetry) {
        self.name = name
        self.telemetry = telemetry
        counters = telemetry.acquire(route: name)
    }

    /// No generation and no session uses it any more.
    deinit { telemetry.release(counters) }
}
