import NIOCore
import WebSocketCore

/// What is known of one leg: how far its closing handshake and its transport have come.
struct LegState {
    enum Incoming {
        case open
        /// The peer ended its sending half in order (FIN, close_notify).
        case ended
        /// The transport is gone, behind the ends of both sides.
        case closed
        /// The transport broke.
        case lost

        /// Whether the transport is gone, with everything that it had been given.
        var isGone: Bool { self == .closed || self == .lost }
    }

    var keepAlive: KeepAlive
    /// A Close that waits for a boundary.
    var pendingClose: PendingClose?
    private var stalledAt = NIODeadline.distantPast
    private(set) var isWritable = true

    var incoming = Incoming.open
    /// The end of what comes in has been acted upon.
    var endIsHandled = false
    var hasEndedWriting = false
    var isDropped = false
    var closeSent = false
    var closeReceived = false
    /// The gateway's ping is due and waits for a boundary.
    var pingIsDue = false

    init(now: NIODeadline) {
        keepAlive = KeepAlive(now: now)
    }

    /// Rare, and so apart from the leg.
    final class PendingClose {
        let payload: ClosePayload
        /// Where it may be written; `.never` while the other side finishes what it has begun.
        var at: RelayStop
        /// The peer broke a rule: nothing more is expected from it, the writing half ends behind the Close.
        let endsLeg: Bool

        init(payload: ClosePayload, at: RelayStop, endsLeg: Bool) {
            self.payload = payload
            self.at = at
            self.endsLeg = endsLeg
        }
    }

    /// The transport is past its high watermark (false), or below its low one (true).
    mutating func setWritable(_ isWritable: Bool, now: NIODeadline) {
        if !isWritable, self.isWritable { stalledAt = now }
        self.isWritable = isWritable
    }

    /// When the keep-alive is to be looked at again. A ping that is due already waits for a boundary, not for time.
    func keepAliveDeadline(_ rules: SessionRules) -> NIODeadline {
        min(pingIsDue ? .distantFuture : keepAlive.deadline(rules), stallDeadline(rules))
    }

    /// Whether the peer has taken nothing for so long that it counts as gone, whatever it sends.
    func isStalled(now: NIODeadline, _ rules: SessionRules) -> Bool {
        !isWritable && now >= stallDeadline(rules)
    }

    private func stallDeadline(_ rules: SessionRules) -> NIODeadline {
        isWritable ? .distantFuture : KeepAlive.stallDeadline(since: stalledAt, rules)
    }

    /// Where what goes to this leg has to pause, so that a Close can be written.
    var closeStop: RelayStop { pendingClose?.at ?? .never }

    /// Whether frames may still be written to the peer.
    var takesFrames: Bool { !hasEndedWriting && !isDropped && !closeSent }
}
