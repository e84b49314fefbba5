import NIOCore
import WebSocketCore

/// The gateway's own pings on one leg (RFC 6455 §5.5.2): sent when the peer has been quiet, never while data flows.
///
/// Any sign of life counts as an answer: there are peers whose pongs carry a constant, whatever the ping said. For the
/// same reason a pong that can't belong to anyone else's ping is taken as ours, and not passed on.
struct KeepAlive {
    private(set) var lastReceived: NIODeadline
    /// When the last ping was sent; of no account once every ping has its answer.
    private var lastPing = NIODeadline.distantPast
    private var sent: UInt32 = 0
    /// Pings whose pong may still come: where data came first, another ping may follow before it.
    private var unanswered: UInt32 = 0
    /// The other peer's pings that this one has not answered yet.
    private var relayedPings: UInt32 = 0

    init(now: NIODeadline) {
        lastReceived = now
    }

    /// When the last ping that has no answer yet was sent.
    private var pingSentAt: NIODeadline? { unanswered > 0 ? lastPing : nil }

    mutating func received(now: NIODeadline) {
        lastReceived = now
    }

    mutating func relayed(pings: UInt32) { relayedPings = UInt32(clamping: UInt64(relayedPings) &+ UInt64(pings)) }

    mutating func relayed(pongs: UInt32) { relayedPings = relayedPings > pongs ? relayedPings &- pongs : 0 }

    /// What to do at `now`.
    enum Verdict { case quiet, ping, dead }

    func verdict(now: NIODeadline, _ rules: SessionRules) -> Verdict {
        let interval = rules.pingInterval
        guard interval > .zero else { return .quiet }
        if let pingSentAt {
            if lastReceived >= pingSentAt {
                // Something came; a pong that still follows is ours to swallow.
                return now >= lastReceived + interval ? .ping : .quiet
            }
            return now >= pingSentAt + rules.pongTimeout ? .dead : .quiet
        }
        return now >= lastReceived + interval ? .ping : .quiet
    }

    /// When `verdict` may have something new to say.
    func deadline(_ rules: SessionRules) -> NIODeadline {
        guard rules.pingInterval > .zero else { return .distantFuture }
        if let pingSentAt, lastReceived < pingSentAt { return pingSentAt + rules.pongTimeout }
        return lastReceived + rules.pingInterval
    }

    /// When a peer that has taken nothing since `start` counts as gone: no ping can reach it, so it gets as long as one
    /// that is quiet.
    static func stallDeadline(since start: NIODeadline, _ rules: SessionRules) -> NIODeadline {
        rules.pingInterval > .zero ? start + rules.pingInterval + rules.pongTimeout : .distantFuture
    }

    /// The payload of the ping that is sent now; never empty, as some parsers lose what follows an empty ping.
    mutating func ping(now: NIODeadline) -> ByteBuffer {
        sent &+= 1
        unanswered &+= 1
        lastPing = now
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
        return true
    }
}
