import NIOCore
import WebSocketCore

/// What is known of one leg: how far its closing handshake and its transport have come.
struct LegState {
    enum Incoming {
        case open
        /// The peer ended its sending half in order (FIN, close_notify).
        case ended
        /// The transport broke.
        case lost
    }

    var isWritable: Bool { unwritableSince == nil }
    /// Since when the transport is past its high watermark.
    var unwritableSince: NIODeadline?
    var incoming = Incoming.open
    /// The end of what comes in has been acted upon.
    var endIsHandled = false
    var hasEndedWriting = false
    var isDropped = false

    var closeSent = false
    var closeReceived = false
    /// A Close that waits for a boundary.
    var pendingClose: PendingClose?
    /// The gateway's ping is due and waits for a boundary.
    var pingIsDue = false
    var keepAlive: KeepAlive

    struct PendingClose {
        var payload: ClosePayload
        /// Where it may be written; `.never` while the other side finishes what it has begun.
        var at: RelayStop
        /// The peer broke a rule: nothing more is expected from it, the writing half ends behind the Close.
        var endsLeg: Bool
    }

    /// When the keep-alive is to be looked at again. A ping that is due already waits for a boundary, not for time.
    var keepAliveDeadline: NIODeadline {
        min(
            pingIsDue ? .distantFuture : keepAlive.deadline,
            unwritableSince.map { keepAlive.stallDeadline(since: $0) } ?? .distantFuture)
    }

    /// Whether the peer has taken nothing for so long that it counts as gone, whatever it sends.
    func isStalled(now: NIODeadline) -> Bool {
        unwritableSince.map { now >= keepAlive.stallDeadline(since: $0) } ?? false
    }

    /// Where what goes to this leg has to pause, so that a Close can be written.
    var closeStop: RelayStop { pendingClose?.at ?? .never }

    /// Whether frames may still be written to the peer.
    var takesFrames: Bool { !hasEndedWriting && !isDropped && !closeSent }
}
