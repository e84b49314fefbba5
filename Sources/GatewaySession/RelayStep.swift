import NIOCore
import WebSocketCore

/// What one step of a direction gave.
enum RelayStep {
    /// Everything that has arrived is dealt with.
    case needsInput
    /// These bytes go to the destination.
    case forward(ByteBuffer)
    /// A pong that may answer the gateway's own ping: the frame as it came, and its unmasked payload.
    case pong(frame: ByteBuffer, payload: ByteBuffer)
    /// The source's Close, as it came and as it reads. Nothing that follows it is looked at.
    case close(frame: ByteBuffer, payload: ClosePayload)
    /// The source broke a rule. Nothing that follows is looked at.
    case violation(ProtocolViolation)
    /// A boundary that was asked for is reached.
    case stopped
}

/// Where a direction is to pause.
enum RelayStop {
    case never
    /// Between two frames, as the destination sees them.
    case frameBoundary
    /// Between two messages, as the destination sees them.
    case messageBoundary
}

/// What a direction does with what arrives.
enum RelayIntake {
    /// Passes it on.
    case relay
    /// A Close has gone to the source: only its answer is waited for (RFC 6455 §7.1.2), the rest is dropped.
    case awaitClose
    /// Drops everything: the source has sent its Close, or broke a rule.
    case ignore
}
