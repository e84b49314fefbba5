import GatewayNIO
import GatewayTelemetry
import NIOCore

/// Keeps the history of the dashboard, whether or not anyone looks at it.
enum Sampling {
    /// Takes a sample every ``MetricHistory/interval`` until the task is cancelled.
    static func run(_ history: MetricHistory, of process: ProcessState, tendLoops: @Sendable () -> Void) async {
        var latest = NIODeadline.now()
        repeat {
            let now = NIODeadline.now()
            let totals = process.telemetry.trafficTotals(residentMemoryBytes: ResidentMemory.bytes() ?? 0)
            history.record(
                totals, at: Gateway.secondsSince1970, after: Double((now - latest).nanoseconds) / 1e9)
            latest = now
            // The loops are asked now for what the next sample says.
            tendLoops()
        } while (try? await Task.sleep(for: .seconds(MetricHistory.interval))) != nil
    }
}
