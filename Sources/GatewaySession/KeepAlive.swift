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
    /// When the last ping that has no answer yet was sent.
    private(set) var pingSentAt: NIODeadline?
    private var sent: UInt32 = 0
    /// Pings whose pong may still come: where data came first, another ping may follow before it.
    private var unanswered: UInt32 = 0
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

    /// When a peer that has taken nothing since `start` counts as gone: no ping can reach it, so it gets as long as one
    /// that is quiet.
    func stallDeadline(since start: NIODeadline) -> NIODeadline {
        interval > .zero ? start + interval + timeout : .distantFuture
    }

    /// The payload of the ping that is sent now; never empty, as some parsers lose what follows an empty ping.
    mutating func ping(now: NIODeadline) -> ByteBuffer {
        sent &+= 1
        unanswered &+= 1
        pingSentAt = now
        return payload
    }

    private static let prefix = "sluice"

    private var payload: ByteBuffer {
        var buffer = ByteBuffer(string: Self.prefix)
        buffer.writeInteger(sent)
        return buffer
    }

    var awaitsPong: Bool { unanswered > 0 }

    /// How many pings were sent after the one that this pong answers; nil when it answers none that is unanswered.
    private func pingsSince(_ pong: ByteBuffer) -> UInt32? {
        var pong = pong
        guard pong.readString(length: Self.prefix.utf8.count) == Self.prefix, pong.readableBytes == 4,
            let number = pong.readInteger(as: UInt32.self), sent &- number < unanswered
        else { return nil }
        return sent &- number
    }

    /// Whether this pong answers the gateway's ping, and so must not reach the other peer.
    mutating func swallows(pong: ByteBuffer) -> Bool {
        guard unanswered > 0 else { return false }
        if let later = pingsSince(pong) {
            // A pong may answer the pings before it as well (RFC 6455 §5.5.3).
            unanswered = later
        } else if relayedPings == 0 {
            unanswered &-= 1
        } else {
            return false
        }
        if unanswered == 0 { pingSentAt = nil }
        return true
    }
}
