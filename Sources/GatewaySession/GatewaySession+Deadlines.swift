public import NIOCore
import WebSocketCore

extension GatewaySession {
    /// How long a compressor that nobody uses keeps its window.
    static var idleStateLifetime: TimeAmount { .seconds(5) }

    var holdsIdleState: Bool {
        fromClient.holdsIdleDeflater || fromServer.holdsIdleDeflater
    }

    /// A deadline may have passed. Being called early is harmless.
    ///
    /// - Parameter bytesWait: whether a transport has something that its peer has not taken.
    public mutating func timeReached(now: NIODeadline, bytesWait: Bool) {
        if let closeDeadline {
            if now >= closeDeadline { return cut(now: now) }
            if let answersDue, now >= answersDue { hurryCloses() }
            if let lingersUntil, now >= lingersUntil {
                self.lingersUntil = nil
                if !bytesWait { cut(now: now) }
            }
            return
        }
        if rules.maxLifetime > .zero, now >= lifetimeEnd {
            close(
                ClosePayload(code: .goingAway, reason: "connection reached its lifetime"),
                grace: rules.closeTimeout, now: now)
            return
        }
        if rules.idleTimeout > .zero, now >= lastActivity + rules.idleTimeout {
            close(
                ClosePayload(code: .goingAway, reason: "connection was idle"),
                grace: rules.closeTimeout, now: now)
            return
        }
        for leg in Leg.allCases {
            if self[leg].isStalled(now: now, rules) {
                vanished(leg, why: "\(leg == .client ? "client" : "server") stopped reading", now: now)
                return
            }
            // While it is not read, its silence says nothing.
            if !wantsRead(from: leg) { self[leg].keepAlive.received(now: now) }
            switch self[leg].keepAlive.verdict(now: now, rules) {
            case .quiet: self[leg].pingIsDue = false
            case .ping: self[leg].pingIsDue = true
            case .dead:
                vanished(leg, why: "\(leg == .client ? "client" : "server") did not answer a ping", now: now)
                return
            }
        }
        if holdsIdleState, now >= lastActivity + Self.idleStateLifetime {
            fromClient.releaseIdleDeflater()
            fromServer.releaseIdleDeflater()
        }
    }

    mutating func writePing(to leg: Leg, now: NIODeadline) {
        guard outcome == nil, self[leg].takesFrames, self[leg].isWritable, isAtFrameBoundary(to: leg) else { return }
        self[leg].pingIsDue = false
        let payload = self[leg].keepAlive.ping(now: now)
        watchPongs()
        noteNewDeadline()
        emit(.write(controlFrame(.ping, payload: payload, to: leg), to: leg))
    }
}
