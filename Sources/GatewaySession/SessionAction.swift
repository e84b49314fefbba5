public import NIOCore

/// What the session wants done. The driver carries actions out in the order it gets them.
public enum SessionAction: Equatable, Sendable {
    /// Send these bytes: whole frames or a part of one.
    case write(ByteBuffer, to: Leg)
    /// Send this Close frame: nothing follows it on that leg (RFC 6455 §5.5.1).
    case writeClose(ByteBuffer, to: Leg)
    /// Send what is queued, then end the sending half of that leg; its receiving half stays open.
    case end(Leg)
    /// Send what is queued, then end the sending half of that leg inside a frame that was begun and is never finished: its
    /// peer has every frame before that one, and sees 1006. What still comes from it is of no interest; `drop` follows once
    /// it has gone, or when the time is over.
    case breakOff(Leg)
    /// Close that leg's transport now. Nothing more comes from it or goes to it.
    case drop(Leg)
    /// Both legs are gone. The last action.
    case finished(SessionOutcome)
}

/// How a session ended.
public struct SessionOutcome: Equatable, Sendable {
    /// Who ended it first.
    public enum Closer: String, CaseIterable, Sendable { case client, server, gateway }

    public var closer: Closer
    /// The code of the first Close, 1005 for one without a code, 1006 where a side went without a Close
    /// (RFC 6455 §7.4.1).
    public var code: UInt16
    /// The reason beside the code, or what the gateway saw: never longer than 123 bytes.
    public var reason: String

    public init(closer: Closer, code: UInt16, reason: String) {
        self.closer = closer
        self.code = code
        self.reason = reason
    }
}
