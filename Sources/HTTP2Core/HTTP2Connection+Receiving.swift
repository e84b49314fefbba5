import HTTPTypes
public import NIOCore

// What a peer's DATA and HEADERS do (RFC 9113 §6.1, §6.2, §8).
extension HTTP2Connection {
    /// Bytes came. They have to stay as they are until `nextEvent` has given nil: what is needed longer is copied by then.
    public func receive(_ bytes: ByteBuffer) {
        guard failure == nil else { return }
        reader.append(bytes)
    }

    /// The next thing that came of what was received and done; nil until more comes.
    public func nextEvent(now: NIODeadline) -> HTTP2Event? {
        while true {
            while let event = events.popFirst() {
                if !isOutdated(event) { return event }
            }
            guard failure == nil else { return nil }
            do throws(HTTP2Failure) {
                try countResets(now: now)
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

    /// Whether an event waited while its stream's user gave the stream up.
    private func isOutdated(_ event: HTTP2Event) -> Bool {
        switch event {
        case .ended(let stream, _), .closed(let stream, _), .writable(let stream): stream.flags.contains(.isForgotten)
        default: false
        }
    }

    /// Whether `nextEvent` would give something though nothing more was received.
    public var hasEvents: Bool {
        !events.isEmpty || uncountedResets > 0 || output.readableBytes > Self.unreadLimit
    }

    /// That many bytes of a stream's content were handed on: its sender may send as many more (RFC 9113 §5.2).
    ///
    /// - Returns: whether a WINDOW_UPDATE became part of the output.
    @discardableResult
    public func consumed(_ count: Int, of stream: HTTP2Stream, now: NIODeadline) -> Bool {
        guard count > 0, !stream.isClosed, !stream.remoteEnded,
            let increment = stream.receiveWindow.consumed(count, budget: &growthBudget, now: now)
        else { return false }
        writeWindowUpdate(stream.id, increment)
        return true
    }

    private func handle(_ piece: HTTP2FrameReader.Piece, now: NIODeadline) throws(HTTP2Failure) -> HTTP2Event? {
        switch piece {
        case .data(let id, let bytes, let frame, let endsStream):
            return try receivedData(id, bytes, frame: frame, endsStream: endsStream, now: now)
        case .headers(let id, let block, let endsStream):
            return try receivedHeaders(id, block, endsStream: endsStream, now: now)
        case .rstStream(let id, let code):
            return try receivedReset(id, code, now: now)
        case .windowUpdate(let id, let increment):
            return try receivedWindowUpdate(id, increment, now: now)
        case .settings(let payload):
            return try receivedSettings(payload, now: now)
        case .settingsAck:
            try meter("SETTINGS", now: now)
            isAcknowledged = true
        case .ping(let value):
            try meter("PING", now: now)
            writePing(value, flags: .ack)
        case .pingAck(let value):
            return try receivedPong(value, now: now)
        case .goAway(let last, let code, let debugData):
            return try receivedGoAway(last, code, debugData, now: now)
        case .priority:
            try meter("PRIORITY", now: now)
        case .unknown:
            try meter("frames of unknown type", now: now)
        }
        return nil
    }

    /// A number that neither the peer nor this side has used yet.
    private func isIdle(_ id: HTTP2StreamID) -> Bool {
        let isPeers = (id & 1 == 1) == (role == .server)
        return isPeers ? id > lastPeerStream : role == .server || id >= nextStream
    }

    /// How a stream ended that is no more; nil: so long ago that it is forgotten.
    ///
    /// - Throws: `HTTP2Failure` when there was no such stream.
    func ending(of id: HTTP2StreamID, for what: String) throws(HTTP2Failure) -> ClosedStreams.Ending? {
        if let ending = closedStreams[id] { return ending }
        guard !isIdle(id) else {
            throw HTTP2Failure(.protocolError, "\(what) on stream \(id), which was never opened")
        }
        return nil
    }

    /// What carries content, on a stream that is no more.
    private func receivedLate(_ what: String, on id: HTTP2StreamID, now: NIODeadline) throws(HTTP2Failure) {
        switch try ending(of: id, for: what) {
        case .abandoned:
            break
        case .peerEnded:
            throw HTTP2Failure(.streamClosed, "\(what) on stream \(id), which its sender had ended")
        case .peerReset:
            try countViolation(now: now)
            writeReset(id, .streamClosed)
            // Once is enough: the rest of what its sender has in line is passed over.
            closedStreams.add(id, .abandoned)
        case nil:
            guard closedStreams.mayHaveForgotten(id) else {
                throw HTTP2Failure(
                    .protocolError, "\(what) on stream \(id), expected a number above \(lastPeerStream)")
            }
        }
    }

    // MARK: DATA

    private func receivedData(
        _ id: HTTP2StreamID, _ bytes: ByteBuffer, frame: HTTP2FrameReader.DataFrame?, endsStream: Bool,
        now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        if let frame { try takeFromConnectionWindow(frame.flow) }
        guard let stream = streams[id] else {
            // What was on its way when the stream was reset comes in any number; it is measured by the windows.
            guard let frame else { return nil }
            try receivedLate("DATA", on: id, now: now)
            if frame.flow == frame.padding, !closedStreams.expectsLateFrame(id) {
                try meter("DATA on closed streams", now: now)
            }
            return nil
        }
        if let frame {
            if let code = violation(of: frame, on: stream) { return try violated(stream, code, now: now) }
            consumed(frame.padding, of: stream, now: now)
            if frame.flow == frame.padding, !frame.endsStream { try meter("empty DATA", now: now) }
        }
        if endsStream { endRemote(stream) }
        // Behind it comes the end, which is among the events.
        return bytes.readableBytes > 0 ? .data(stream, bytes) : nil
    }

    private func takeFromConnectionWindow(_ count: Int) throws(HTTP2Failure) {
        guard count <= connectionReceiveWindow else {
            throw HTTP2Failure(
                .flowControlError, "DATA of \(count) bytes, the connection's window has \(connectionReceiveWindow)")
        }
        connectionReceiveWindow -= count
        connectionCredit += count
        guard connectionCredit >= Self.connectionWindow / 4 else { return }
        writeWindowUpdate(0, UInt32(clamping: connectionCredit))
        connectionReceiveWindow += connectionCredit
        connectionCredit = 0
    }

    /// What is wrong with a DATA frame.
    private func violation(of frame: HTTP2FrameReader.DataFrame, on stream: HTTP2Stream) -> HTTP2ErrorCode? {
        guard !stream.remoteEnded else { return .streamClosed }
        guard stream.flags.contains(.hasHead) else { return .protocolError }
        guard stream.receiveWindow.received(frame.flow) else { return .flowControlError }
        if let left = stream.contentLeft {
            let rest = left - (frame.flow - frame.padding)
            guard rest >= 0, rest == 0 || !frame.endsStream else { return .protocolError }
            stream.contentLeft = rest
        }
        return nil
    }

    private func endRemote(_ stream: HTTP2Stream, trailers: HTTPFields? = nil) {
        stream.flags.insert(.remoteEnded)
        removeIfDone(stream)
        events.append(.ended(stream, trailers: trailers))
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
        guard let stream = streams[id] else {
            try receivedLate("HEADERS", on: id, now: now)
            if !closedStreams.expectsLateFrame(id) { try meter("HEADERS on closed streams", now: now) }
            return nil
        }
        guard !stream.remoteEnded else { return try violated(stream, .streamClosed, now: now) }
        return stream.flags.contains(.hasHead)
            ? try receivedTrailers(list, on: stream, endsStream: endsStream, now: now)
            : try receivedResponse(list, on: stream, endsStream: endsStream, now: now)
    }

    private func decode(_ block: ByteBuffer) throws(HTTP2Failure) -> HeaderList {
        do {
            return try decoder.decode(block)
        } catch .listTooLarge {
            throw HTTP2Failure(.enhanceYourCalm, "a header list is over \(decoder.maxListSize) bytes")
        } catch {
            throw HTTP2Failure(.compressionError, "a header block can't be read: \(type(of: error))")
        }
    }

    private func receivedTrailers(
        _ list: HeaderList, on stream: HTTP2Stream, endsStream: Bool, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        let isAllowed = endsStream && !stream.flags.contains(.isTunnel) && (stream.contentLeft ?? 0) == 0
        guard isAllowed else { return try violated(stream, .protocolError, now: now) }
        do throws(HTTP2RequestError) {
            let trailers = try HTTP2Head.trailers(from: list, maxSize: limits.maxHeaderListSize)
            endRemote(stream, trailers: trailers.isEmpty ? nil : trailers)
            return nil
        } catch .headerListTooLarge {
            return try violated(stream, .enhanceYourCalm, now: now)
        } catch {
            return try violated(stream, .protocolError, now: now)
        }
    }

    private func receivedResponse(
        _ list: HeaderList, on stream: HTTP2Stream, endsStream: Bool, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        guard let response = try? HTTP2Head.response(from: list) else {
            return try violated(stream, .protocolError, now: now)
        }
        if response.status.kind == .informational {
            guard !endsStream else { return try violated(stream, .protocolError, now: now) }
            try countInterim(on: stream, now: now)
            return .informed(stream, response)
        }
        stream.flags.insert(.hasHead)
        if stream.flags.contains(.isConnect), response.status.kind == .successful {
            stream.flags.insert(.isTunnel)
        } else if stream.flags.contains(.isHead) || [204, 304].contains(response.status.code) {
            // Whatever `content-length` says (RFC 9110 §6.4.1).
            stream.contentLeft = 0
        } else {
            stream.contentLeft = announcedContent(response.headerFields)
        }
        if endsStream {
            guard (stream.contentLeft ?? 0) == 0 else { return try violated(stream, .protocolError, now: now) }
            endRemote(stream)
        }
        return .response(stream, response)
    }

    /// A request may be answered with a few of them; more are work for nothing.
    private func countInterim(on stream: HTTP2Stream, now: NIODeadline) throws(HTTP2Failure) {
        guard stream.expectedInterims == 0 else {
            stream.expectedInterims -= 1
            return
        }
        try meter("interim responses", now: now)
    }

    /// What `content-length` says; it was judged with the other fields.
    private func announcedContent(_ fields: HTTPFields) -> Int? {
        guard let length = try? HTTP2Head.contentLength(in: fields) else { return nil }
        return length
    }

    /// A request, or one too many.
    private func opened(
        _ id: HTTP2StreamID, _ list: HeaderList, endsStream: Bool, now: NIODeadline
    ) throws(HTTP2Failure) -> HTTP2Event? {
        guard id & 1 == 1 else {
            throw HTTP2Failure(.protocolError, "a client opened stream \(id), expected an odd number")
        }
        lastPeerStream = id
        guard !hasSentGoAway else {
            closedStreams.add(id, endsStream ? .peerEnded : .abandoned)
            try meter("streams after GOAWAY", now: now)
            return nil
        }
        guard openPeerStreams < limits.maxStreams else {
            closedStreams.add(id, endsStream ? .peerEnded : .abandoned)
            try meter("streams over the limit of \(limits.maxStreams)", now: now)
            writeReset(id, .refusedStream)
            return nil
        }
        var request = Result { () throws(HTTP2RequestError) in
            try HTTP2Head.request(from: list, maxSize: limits.maxHeaderListSize)
        }
        let stream = HTTP2Stream(id: id, sendWindow: Int(peerSettings.initialWindowSize))
        stream.flags.insert(.hasHead)
        if case .success(let value) = request {
            guard value.extendedConnectProtocol == nil || limits.offersConnectProtocol else {
                // Without the setting `:protocol` is an unknown pseudo-field, which makes the request malformed.
                closedStreams.add(id, endsStream ? .peerEnded : .abandoned)
                try countViolation(now: now)
                writeReset(id, .protocolError)
                return nil
            }
            if value.method == .connect {
                stream.flags.formUnion([.isConnect, .isTunnel])
            } else {
                stream.contentLeft = announcedContent(value.headerFields)
            }
        }
        if endsStream {
            stream.flags.insert(.remoteEnded)
            if let left = stream.contentLeft, left > 0 {
                request = .failure(.malformed("content-length is \(left), and the stream ended without content"))
            }
        }
        streams.add(stream)
        // Some clients widen the window of each stream as they open it.
        expectWindowUpdates(for: 0)
        return .request(stream, request, endsStream: endsStream)
    }
}
