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

    var isWritable = true
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
        var at: RelayStop
        /// The peer broke a rule: nothing more is expected from it, the writing half ends behind the Close.
        var endsLeg: Bool
    }

    /// When the keep-alive is to be looked at again. A ping that is due already waits for a boundary, not for time.
    var pingDeadline: NIODeadline { pingIsDue ? .distantFuture : keepAlive.deadline }

    /// Where what goes to this leg has to pause, so that a Close can be written.
    var closeStop: RelayStop { pendingClose?.at ?? .never }

    /// Whether frames may still be written to the peer.
    var takesFrames: Bool { !hasEndedWriting && !isDropped && !closeSent }
}
