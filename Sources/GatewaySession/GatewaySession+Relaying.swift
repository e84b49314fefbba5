public import NIOCore
import WebSocketCore

/// How bytes move from one leg to the other.
extension GatewaySession {
    /// As `receive`, for the way of a message: looks at the bytes at once where nothing is before them.
    ///
    /// - Returns: whether all of `bytes` is to be written to the other leg, and nothing else is to be done. If not,
    ///   `nextAction` says what is, as after `receive`.
    public mutating func relays(_ bytes: ByteBuffer, from leg: Leg, now: NIODeadline) -> Bool {
        guard !needsSettling, actions.isEmpty, bytes.readableBytes > 0 else {
            receive(bytes, from: leg, now: now)
            return false
        }
        let passed: Int?
        switch leg {
        case .client: passed = Self.pass(bytes, &fromClient, from: &client, isWritable: server.isWritable, now: now)
        case .server: passed = Self.pass(bytes, &fromServer, from: &server, isWritable: client.isWritable, now: now)
        }
        guard let passed else {
            receive(bytes, from: leg, now: now)
            return false
        }
        if passed > 0 { lastActivity = now }
        if fromClient.hasRelayedControls || fromServer.hasRelayedControls { countRelayedControls() }
        if passed == bytes.readableBytes {
            watchIdleState()
            return true
        }
        if passed > 0, let run = bytes.getSlice(at: bytes.readerIndex, length: passed) {
            emit(.write(run, to: leg.other))
        }
        return false
    }

    /// nil: `bytes` has not been looked at.
    @inline(__always)
    private static func pass(
        _ bytes: ByteBuffer, _ direction: inout RelayDirection, from source: inout LegState, isWritable: Bool,
        now: NIODeadline
    ) -> Int? {
        guard isWritable, direction.mayPass else { return nil }
        source.keepAlive.received(now: now)
        direction.compressed?.zlib.received(now: now)
        return direction.pass(bytes)
    }

    mutating func step(_ source: Leg, now: NIODeadline) -> SessionAction? {
        let result: RelayStep
        switch source {
        case .client:
            guard mayStep(fromClient, destinationIsWritable: server.isWritable) else { return nil }
            result = fromClient.step(until: server.closeStop)
            if fromClient.takeIsActive() { lastActivity = now }
            if fromClient.hasRelayedControls { countRelayedControls() }
        case .server:
            guard mayStep(fromServer, destinationIsWritable: client.isWritable) else { return nil }
            result = fromServer.step(until: client.closeStop)
            if fromServer.takeIsActive() { lastActivity = now }
            if fromServer.hasRelayedControls { countRelayedControls() }
        }
        switch result {
        case .forward(let bytes):
            return .write(bytes, to: source.other)
        case .needsInput, .stopped:
            return nil
        case .pong(let frame, let payload):
            let isOurs = self[source].keepAlive.swallows(pong: payload)
            watchPongs()
            // The answer to the gateway's own ping is no traffic: it does not keep an idle connection open.
            if !isOurs { lastActivity = now }
            guard !isOurs, self[source.other].takesFrames else { return step(source, now: now) }
            return .write(frame, to: source.other)
        case .close(let frame, let payload):
            closeArrived(from: source, frame: frame, payload: payload, now: now)
        case .violation(let violation):
            violated(by: source, violation, now: now)
        }
        return nil
    }

    private func mayStep(_ direction: borrowing RelayDirection, destinationIsWritable: Bool) -> Bool {
        switch direction.intake {
        case .ignore: false
        case .awaitClose: true
        case .relay: destinationIsWritable
        }
    }

    private mutating func countRelayedControls() {
        server.keepAlive.relayed(pings: fromClient.relayedPings)
        client.keepAlive.relayed(pongs: fromClient.relayedPongs)
        client.keepAlive.relayed(pings: fromServer.relayedPings)
        server.keepAlive.relayed(pongs: fromServer.relayedPongs)
        fromClient.relayedPings = 0
        fromClient.relayedPongs = 0
        fromServer.relayedPings = 0
        fromServer.relayedPongs = 0
    }

    mutating func watchPongs() {
        fromClient.handsUpPongs = client.keepAlive.awaitsPong
        fromServer.handsUpPongs = server.keepAlive.awaitsPong
    }
}
