import GatewayConfig
import GatewaySession
import GatewayTelemetry
import NIOCore
import SocketTransport
import WebSocketCore

/// The drain of one event loop's sessions.
enum LoopDrain {
    static func run(on loop: LoopHandle, settings: DrainConfiguration, deadline: NIODeadline) async {
        let done = loop.eventLoop.makePromise(of: Void.self)
        loop.eventLoop.execute {
            let context = loop.context.value
            let ids = context.sessions.keys.sorted()
            // A handshake under way may still become a session; it is told at once, as its turn has passed.
            context.sessionAdded = { close($0, settings: settings, deadline: deadline) }
            for front in context.fronts.values { front.drain() }
            context.frontAdded = { $0.drain() }
            context.drainKeptFronts()
            context.whenEmpty = {
                if context.counters.handshaking.value == 0 { done.succeed() }
            }
            let step = TimeAmount.nanoseconds(TimeAmount(settings.spread).nanoseconds / Int64(max(1, ids.count)))
            for (index, id) in ids.enumerated() {
                let bound = loop.context
                loop.eventLoop.scheduleTask(in: step * index) {
                    bound.value.sessions[id].map { close($0, settings: settings, deadline: deadline) }
                }
            }
            loop.eventLoop.scheduleTask(deadline: deadline) { done.succeed() }
            context.checkEmpty()
        }
        try? await done.futureResult.get()
    }

    private static func close(_ driver: SessionDriver, settings: DrainConfiguration, deadline: NIODeadline) {
        let left = max(.zero, deadline - .now())
        driver.close(ClosePayload(code: CloseCode(rawValue: settings.code), reason: "restarting"), grace: left)
    }
}
