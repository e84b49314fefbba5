import HTTPTypes
public import NIOCore
import NIOHPACK

// What a peer's frames do (RFC 9113 §6).
extension HTTP2Connection {
    /// Bytes came.
    public func receive(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        reader.append(bytes)
    }

    /// The next thing that came of what was received and done; nil until more comes.
    public func nextEvent(now: NIODeadline) -> HTTP2Event? {
        while true {
            if let event = events.popFirst() { return event }
            guard failure == nil else { return nil }
            do throws(HTTP2Failure) {
                guard output.readableBytes <= Self.unreadLimit else {
                    throw HTTP2Failure(
                        .enhanceYourCalm,
                        "\(output.readableBytes) bytes of answers wait to be read, limit \(Self.unreadLimit)")
                }
                guard let piece = try reader.next() else { return nil }
                if let event = try handle(piece, now: now) { return event }
            } catch {
                fail(error)
            }
        }
    }

    /// That many bytes of a stream's content were handed on: its sender may send as many more (RFC 9113 §5.2).
    public func consumed(_ count: Int, of stream: HTTP2Stream, now: NIODeadline) {
        guard count > 0, !stream.isClosed, !stream.remoteEnded else { return }
        if let increment = stream.receiveWindow.consumed(count, budget: &growthBudget, now: now) {
            writeWindowUpdate(stream.id, increment)
        }
    }

    private func handle(_ piece: HTTP2FrameReader.Piece, now: NIODeadline) throws(HTTP2Failure) -> HTTP2Event? {
        switch piece {
        case .data(let id, let bytes, let flow, let padding, let endsStream):
            return try receivedData(id, bytes, flow: flow, padding: padding, endsStream: endsStream, now: now)
        case .headers(let id, let block, let endsStream):
            return try receivedHeaders(id, block, endsStream: endsStream, now: now)
        case .rstStream(let id, let code):
            return try receivedReset(id, code, now: now)
        case .windowUpdate(let id, let increment):
            return try receivedWindowUpdate(id, increment, now: now)
        case .settings(let payload):
            try meter("SETTINGS", now: now)
            return try receivedSettings(payload)
        case .settingsAck:
            try meter("SETTINGS", now: now)
            isAcknowledged = true
        case .ping(let value):
            try meter("PING", now: now)
            var payload = ByteBuffer()
            payload.writeInteger(value)
            writeFrame(.ping, flags: .ack, payload: payload)
        case .pingAck(let value):
            return .pong(value)
        case .goAway(let last, let code, let debugData):
            return receivedGoAway(last, code, debugData)
        case .priority:
            try meter("PRIORITY", now: now)
        case .unknown:
            try meter("frames of unknown type", now: now)
        }
        return nil
    }

    /// Counts what costs work and moves nothing.
    private func meter(_ what: String, now: NIODeadline) throws(HTTP2Failure) {
        guard emptyWork.allows(now: now) else {
            throw HTTP2Failure(.enhanceYourCalm, "too many frames that carry nothing, \(what) the last of them")
        }
    }

    /// A number that the peer, or this side, may have used before.
    private func isIdle(_ id: HTTP2StreamID) -> Bool {
        let isPeers = (id & 1 == 1) == (role == .server)
        return isPeers ? id > lastPeerStream : role == .server || id >= nextStream
    }

    /// The stream of a frame; nil when it is closed, which the peer may not have known (RFC 9113 §5.1).
    private func stream(_ id: HTTP2StreamID, for what: String, now: NIODeadline) throws(HTTP2Failure) -> HTTP2Stream? {
        if let stream = streams[id] { return stream }
        guard !isIdle(id) || hasSentGoAway else {
            throw HTTP2Failure(.protocolError, "\(what) on stream \(id), which was never opened")
        }
        try meter("\(what) on closed streams", now: now)
        return nil
    }

    // MARK: DATA

    private func receivedData(
        _ id: HTTP2StreamID, _ bytes: ByteBuffer, flow: Int, padding: Int, endsStream: Bool, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        if flow > 0 {
            guard flow <= connectionReceiveWindow else {
                throw HTTP2Failure(
                    .flowControlError, "DATA of \(flow) bytes, the connection's window has \(connectionReceiveWindow)")
            }
            connectionReceiveWindow -= flow
            connectionCredit += flow
            if connectionCredit >= Self.connectionWindow / 4 {
                writeWindowUpdate(0, UInt32(connectionCredit))
                connectionReceiveWindow += connectionCredit
                connectionCredit = 0
            }
        }
        guard let stream = streams[id] else {
            // What was on its way when the stream was reset comes in any number; it is measured by the windows.
            guard !isIdle(id) || hasSentGoAway else {
                throw HTTP2Failure(.protocolError, "DATA on stream \(id), which was never opened")
            }
            if flow == 0 { try meter("DATA on closed streams", now: now) }
            return nil
        }
        guard stream.flags.contains(.hasHead), !stream.remoteEnded else {
            return violated(stream, .streamClosed)
        }
        guard stream.receiveWindow.received(flow) else { return violated(stream, .flowControlError) }
        consumed(padding, of: stream, now: now)
        if bytes.readableBytes == 0, !endsStream {
            if flow == padding { try meter("empty DATA", now: now) }
            return nil
        }
        if endsStream { endRemote(stream) }
        return bytes.readableBytes > 0 ? .data(stream, bytes) : events.popFirst()
    }

    private func endRemote(_ stream: HTTP2Stream) {
        stream.flags.insert(.remoteEnded)
        removeIfDone(stream)
        events.append(.ended(stream))
    }

    /// A stream error (RFC 9113 §5.4.2).
    private func violated(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) -> HTTP2Event {
        reset(stream, code)
        return .closed(stream, .violation(code))
    }

    // MARK: HEADERS

    private func receivedHeaders(
        _ id: HTTP2StreamID, _ block: ByteBuffer, endsStream: Bool, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        // Whatever becomes of the stream, the table that the peer compresses with has to follow.
        let list = try decode(block)
        if role == .server, id > lastPeerStream {
            return try opened(id, list, endsStream: endsStream, now: now)
        }
        guard let stream = try stream(id, for: "HEADERS", now: now) else { return nil }
        guard !stream.remoteEnded else { return violated(stream, .streamClosed) }
        if stream.flags.contains(.hasHead) {
            // Trailers, which say nothing that a WebSocket could carry on.
            guard endsStream else { return violated(stream, .protocolError) }
            endRemote(stream)
            return nil
        }
        guard let response = try? HTTP2Head.response(from: list) else { return violated(stream, .protocolError) }
        if response.status.kind == .informational {
            try meter("interim responses", now: now)
            return endsStream ? violated(stream, .protocolError) : nil
        }
        stream.flags.insert(.hasHead)
        if endsStream { endRemote(stream) }
        return .response(stream, response)
    }

    private func decode(_ block: ByteBuffer) throws(HTTP2Failure) -> HPACKHeaders {
        var block = block
        do {
            return try decoder.decodeHeaders(from: &block)
        } catch is NIOHPACKErrors.MaxHeaderListSizeViolation {
            throw HTTP2Failure(.enhanceYourCalm, "a header list is over \(decoder.maxHeaderListSize) bytes")
        } catch {
            throw HTTP2Failure(.compressionError, "a header block can't be read: \(error)")
        }
    }

    private func opened(
        _ id: HTTP2StreamID, _ list: HPACKHeaders, endsStream: Bool, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        guard id & 1 == 1 else {
            throw HTTP2Failure(.protocolError, "a client opened stream \(id), expected an odd number")
        }
        lastPeerStream = id
        guard !hasSentGoAway else {
            try meter("streams after GOAWAY", now: now)
            return nil
        }
        let stream = HTTP2Stream(id: id, sendWindow: Int(peerSettings.initialWindowSize))
        stream.flags.insert(.hasHead)
        guard openPeerStreams < limits.maxStreams else {
            try meter("streams over the limit of \(limits.maxStreams)", now: now)
            writeReset(id, .refusedStream)
            return nil
        }
        streams[id] = stream
        if endsStream { stream.flags.insert(.remoteEnded) }
        var request: Result<HTTPRequest, HTTP2RequestError>
        do throws(HTTP2RequestError) {
            let value = try HTTP2Head.request(from: list, maxSize: limits.maxHeaderListSize)
            if value.extendedConnectProtocol != nil, !limits.offersConnectProtocol {
                // Without the setting `:protocol` is an unknown pseudo-field, which makes the request malformed.
                return violated(stream, .protocolError)
            }
            request = .success(value)
        } catch {
            request = .failure(error)
        }
        return .request(stream, request, endsStream: endsStream)
    }

    // MARK: The rest

    private func receivedReset(
        _ id: HTTP2StreamID, _ code: HTTP2ErrorCode, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        guard let stream = try stream(id, for: "RST_STREAM", now: now) else { return nil }
        // Opening streams only to drop them makes a server work for nothing (CVE-2023-44487).
        if role == .server, !stream.flags.contains(.isAnswered), !earlyResets.allows(now: now) {
            throw HTTP2Failure(.enhanceYourCalm, "too many streams were reset before they were answered")
        }
        remove(stream)
        return .closed(stream, .reset(code))
    }

    private func receivedWindowUpdate(
        _ id: HTTP2StreamID, _ increment: UInt32, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        if id == 0 {
            guard increment > 0 else { throw HTTP2Failure(.protocolError, "WINDOW_UPDATE is 0, expected more") }
            sendWindow += Int(increment)
            guard sendWindow <= Int(Int32.max) else {
                throw HTTP2Failure(.flowControlError, "WINDOW_UPDATE makes the connection's window \(sendWindow) bytes")
            }
            return nil
        }
        guard let stream = streams[id] else {
            guard !isIdle(id) || hasSentGoAway else {
                throw HTTP2Failure(.protocolError, "WINDOW_UPDATE on stream \(id), which was never opened")
            }
            return nil
        }
        guard increment > 0 else { return violated(stream, .protocolError) }
        stream.sendWindow += Int(increment)
        guard stream.sendWindow <= Int(Int32.max) else { return violated(stream, .flowControlError) }
        enqueue(stream)
        return nil
    }

    private func receivedSettings(_ payload: ByteBuffer) throws(HTTP2Failure) -> HTTP2Event? {
        let before = peerSettings
        try peerSettings.apply(payload)
        hasPeerSettings = true
        if peerSettings.headerTableSize != before.headerTableSize {
            let size = min(Int(peerSettings.headerTableSize), HPACKEncoder.defaultDynamicTableSize)
            do {
                try encoder.setDynamicTableSize(size)
            } catch {
                throw HTTP2Failure(.internalError, "the header table can't be resized: \(error)")
            }
        }
        let growth = Int(peerSettings.initialWindowSize) - Int(before.initialWindowSize)
        if growth != 0 {
            for stream in streams.values {
                stream.sendWindow += growth
                guard stream.sendWindow <= Int(Int32.max) else {
                    throw HTTP2Failure(
                        .flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE makes a window \(stream.sendWindow) bytes")
                }
                enqueue(stream)
            }
        }
        writeFrame(.settings, flags: .ack, payload: ByteBuffer())
        return .settings
    }

    private func receivedGoAway(
        _ last: HTTP2StreamID, _ code: HTTP2ErrorCode, _ debugData: ByteBuffer
    ) -> HTTP2Event {
        isGoingAway = true
        if role == .client {
            for stream in streams.values.filter({ $0.id > last }).sorted(by: { $0.id < $1.id }) {
                remove(stream)
                events.append(.closed(stream, .notProcessed))
            }
        }
        return .goAway(code, debugData: debugData)
    }
}
