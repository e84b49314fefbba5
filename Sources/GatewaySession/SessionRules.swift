public import GatewayConfig
import NIOCore

/// What holds for every session of a route: made once for each generation, and shared by its sessions on all loops.
public final class SessionRules: Sendable {
    public let settings: SessionSettings

    /// Zero: never.
    let idleTimeout: TimeAmount
    /// Zero: no limit.
    let maxLifetime: TimeAmount
    /// Zero: no pings.
    let pingInterval: TimeAmount
    let pongTimeout: TimeAmount
    let closeTimeout: TimeAmount

    public init(_ settings: SessionSettings) {
        self.settings = settings
        idleTimeout = TimeAmount(settings.idleTimeout)
        maxLifetime = TimeAmount(settings.maxLifetime)
        pingInterval = TimeAmount(settings.pingInterval)
        pongTimeout = TimeAmount(settings.pongTimeout)
        closeTimeout = TimeAmount(settings.closeTimeout)
    }
}
