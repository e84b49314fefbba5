import HTTPTypes
import NIOCore

// What a peer's frames about streams and the connection do (RFC 9113 §6.4 to §6.9), and how many of them it may send.
extension HTTP2Connection {
    /// Counts what costs work and moves nothing.
    func meter(_ what: String, cost: Int64 = 1, now: NIODeadline) throws(HTTP2Failure) {
        guard emptyWork.allows(cost, now: now) else {
            throw HTTP2Failure(
                .enhanceYourCalm, "the peer sent too many frames that carry nothing; the last were \(what)")
        }
    }

    /// A stream error (RFC 9113 §5.4.2).
    func violated(
        _ stream: HTTP2Stream, _ code: HTTP2ErrorCode, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event {
        try countViolation(now: now)
        writeReset(stream.id, code)
        // More of the same may be on its way.
        remove(stream, .abandoned)
        return .closed(stream, .violation(code))
    }

    /// Whoever has its streams reset for its faults makes as much work for nothing as one that resets them itself
    /// (CVE-2025-8671).
    func countViolation(now: NIODeadline) throws(HTTP2Failure) {
        guard earlyResets.allows(now: now) else {
            throw HTTP2Failure(.enhanceYourCalm, "too many streams were reset for breaking a rule")
        }
    }

    /// Counts the resets that the peer has brought about since the last time.
    func countResets(now: NIODeadline) throws(HTTP2Failure) {
        while uncountedResets > 0 {
            uncountedResets -= 1
            guard earlyResets.allows(now: now) else {
                throw HTTP2Failure(.enhanceYourCalm, "too many streams ended before they were answered")
            }
        }
    }

    // MARK: Streams

    func receivedReset(
        _ id: HTTP2StreamID, _ code: HTTP2ErrorCode, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        guard let stream = streams[id] else {
            _ = try ending(of: id, for: "RST_STREAM")
            if !closedStreams.expectsLateFrame(id) { try meter("RST_STREAM on closed streams", now: now) }
            closedStreams.peerHasReset(id)
            return nil
        }
        // Opening streams only to drop them makes a server work for nothing (CVE-2023-44487).
        if role == .server, !stream.flags.contains(.isAnswered), !earlyResets.allows(now: now) {
            throw HTTP2Failure(.enhanceYourCalm, "too many streams were reset before they were answered")
        }
        remove(stream, .peerReset)
        return .closed(stream, .reset(code))
    }

    func receivedWindowUpdate(
        _ id: HTTP2StreamID, _ increment: UInt32, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        if windowUpdateAllowance > 0 {
            windowUpdateAllowance -= 1
        } else {
            try meter("WINDOW_UPDATE", now: now)
        }
        if id == 0 {
            guard increment > 0 else { throw HTTP2Failure(.protocolError, "WINDOW_UPDATE is 0, expected more") }
            sendWindow += Int(increment)
            guard sendWindow <= Int(Int32.max) else {
                throw HTTP2Failure(.flowControlError, "WINDOW_UPDATE makes the connection's window \(sendWindow) bytes")
            }
            return nil
        }
        guard let stream = streams[id] else {
            _ = try ending(of: id, for: "WINDOW_UPDATE")
            return nil
        }
        guard increment > 0 else { return try violated(stream, .protocolError, now: now) }
        stream.sendWindow += Int(increment)
        guard stream.sendWindow <= Int(Int32.max) else { return try violated(stream, .flowControlError, now: now) }
        enqueue(stream)
        return nil
    }

    /// WINDOW_UPDATE answers what was sent: so many for a frame, however small the steps in which its reader takes it.
    func expectWindowUpdates(for count: Int) {
        windowUpdateAllowance = min(windowUpdateAllowance + 10 + count / 32, 100_000)
    }

    // MARK: The connection

    func receivedSettings(_ payload: ByteBuffer, now: NIODeadline) throws(HTTP2Failure) -> HTTP2Event? {
        let before = peerSettings
        let smallestTable = try peerSettings.apply(payload, from: role == .server ? .client : .server)
        let growth = Int(peerSettings.initialWindowSize) - Int(before.initialWindowSize)
        // A change of the windows is work for each stream.
        try meter("SETTINGS", cost: growth == 0 ? 1 : Int64(min(1 + streams.count / 100, 100)), now: now)
        hasPeerSettings = true
        if let smallestTable {
            do {
                for size in [smallestTable, peerSettings.headerTableSize] {
                    try encoder.setTableSize(size)
                }
            } catch {
                throw HTTP2Failure(.internalError, "the header table can't be resized: \(type(of: error))")
            }
        }
        if growth != 0 {
            for stream in streams.all {
                stream.sendWindow += growth
                guard stream.sendWindow <= Int(Int32.max) else {
                    throw HTTP2Failure(
                        .flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE makes a window \(stream.sendWindow) bytes")
                }
            }
            for stream in streams.all where stream.pending != nil { enqueue(stream) }
        }
        writeFrame(.settings, flags: .ack, payload: ByteBuffer())
        return .settings
    }

    func receivedPong(_ value: UInt64, now: NIODeadline) throws(HTTP2Failure) -> HTTP2Event? {
        guard pingsUnanswered > 0 else {
            try meter("PING", now: now)
            return nil
        }
        pingsUnanswered -= 1
        return .pong(value)
    }

    func receivedGoAway(
        _ last: HTTP2StreamID, _ code: HTTP2ErrorCode, _ debugData: ByteBuffer, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event {
        try meter("GOAWAY", now: now)
        isGoingAway = true
        if role == .client {
            for stream in streams.all where stream.id > last {
                remove(stream, .abandoned)
                events.append(.closed(stream, .notProcessed))
            }
        }
        return .goAway(code, debugData: debugData)
    }
}
