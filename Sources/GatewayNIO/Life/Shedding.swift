import GatewaySession
import GatewayTelemetry
import NIOCore
import SocketTransport
import WebSocketCore

/// Ends many sessions one after the other at a steady pace, so that not all clients come back at once.
struct Shedding: Sendable {
    /// One session, found again by its number.
    struct Target: Sendable {
        let loop: LoopHandle
        let id: SessionID
    }

    /// How often the next ones are ended.
    private static let tick = Duration.milliseconds(20)

    let payload: ClosePayload
    /// What a message in flight, and the peers' answers, have time for.
    let grace: TimeAmount

    /// Returns when all have been told, or when nobody wants it any more.
    ///
    /// - Parameters:
    ///   - perSecond: sessions a second; nil: all at once.
    ///   - operation: is told how many have been told.
    ///   - isWanted: asked before each few.
    func run(
        _ targets: [Target], perSecond: Double?, operation: Operations.Operation? = nil,
        isWanted: @Sendable () -> Bool = { true }
    ) async {
        let start = ContinuousClock.now
        var done = 0
        while done < targets.count, isWanted(), !Task.isCancelled {
            let due: Int
            if let perSecond {
                // The first goes at once.
                let elapsed = (ContinuousClock.now - start) / .seconds(1)
                due = min(targets.count, Int(min(elapsed * perSecond, Double(targets.count))) + 1)
            } else {
                due = targets.count
            }
            for target in targets[done..<max(done, due)] {
                target.loop.eventLoop.execute {
                    target.loop.context.value.sessions[target.id]?.close(payload, grace: grace)
                }
            }
            operation?.told.add(max(done, due) - done)
            done = max(done, due)
            if done < targets.count { try? await Task.sleep(for: Self.tick) }
        }
    }
}
