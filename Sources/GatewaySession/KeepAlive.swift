import GatewayConfig
import NIOCore
import WebSocketCore

/// The gateway's own pings on one leg (RFC 6455 §5.5.2): sent when the peer has been quiet, never while data flows.
///
/// Any sign of life counts as an answer: there are peers whose pongs carry a constant, whatever the ping said. For the
/// same reason a pong that can't belong to anyone else's ping is taken as ours, and not passed on.
struct KeepAlive {
    /// Zero: no pings.
    private let interval: TimeAmount
    private let timeout: TimeAmount
    private(set) var lastReceived: NIODeadline
    /// When the ping that has no answer yet was sent.
    private(set) var pingSentAt: NIODeadline?
    private var sent: UInt32 = 0
    /// The other peer's pings that this one has not answered yet.
    private var relayedPings = 0

    init(settings: SessionSettings, now: NIODeadline) {
        interval = TimeAmount(settings.pingInterval)
        timeout = TimeAmount(settings.pongTimeout)
        lastReceived = now
    }

    mutating func received(now: NIODeadline) {
        lastReceived = now
    }

    mutating func relayed(pings: Int) { relayedPings &+= pings }

    mutating func relayed(pongs: Int) { relayedPings = max(0, relayedPings &- pongs) }

    /// What to do at `now`.
    enum Verdict { case quiet, ping, dead }

    mutating func verdict(now: NIODeadline) -> Verdict {
        guard interval > .zero else { return .quiet }
        if let pingSentAt {
            if lastReceived >= pingSentAt {
                // Something came; a pong that still follows is ours to swallow.
                return now >= lastReceived + interval ? .ping : .quiet
            }
            return now >= pingSentAt + timeout ? .dead : .quiet
        }
        return now >= lastReceived + interval ? .ping : .quiet
    }

    /// When `verdict` may have something new to say.
    var deadline: NIODeadline {
        guard interval > .zero else { return .distantFuture }
        if let pingSentAt, lastReceived < pingSentAt { return pingSentAt + timeout }
        return lastReceived + interval
    }

    /// The payload of the ping that is sent now; never empty, as some parsers lose what follows an empty ping.
    mutating func ping(now: NIODeadline) -> ByteBuffer {
        sent &+= 1
        pingSentAt = now
        return payload
    }

    private var payload: ByteBuffer {
        var buffer = ByteBuffer(string: "sluice")
        buffer.writeInteger(sent)
        return buffer
    }

    var awaitsPong: Bool { pingSentAt != nil }

    /// Whether this pong answers the gateway's ping, and so must not reach the other peer.
    mutating func swallows(pong: ByteBuffer) -> Bool {
        guard pingSentAt != nil, pong == payload || relayedPings == 0 else { return false }
        pingSentAt = nil
        return true
    }
}
