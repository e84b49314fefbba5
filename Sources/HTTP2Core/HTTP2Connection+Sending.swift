public import HTTPTypes
public import NIOCore

// What goes out: frames of all streams in one buffer, each stream in its turn (RFC 9113 §5.2, §6).
extension HTTP2Connection {
    /// Opens a stream with this request (client's side); nil when `freeStreams` is 0.
    public func open(_ request: HTTPRequest, endsStream: Bool = false) -> HTTP2Stream? {
        guard freeStreams > 0 else { return nil }
        let stream = HTTP2Stream(id: nextStream, sendWindow: Int(peerSettings.initialWindowSize))
        nextStream += 2
        streams.add(stream)
        stream.flags.insert(.isAnswered)
        if request.method == .connect { stream.flags.insert(.isConnect) }
        if request.method == .head { stream.flags.insert(.isHead) }
        expectWindowUpdates(for: 0)
        writeHeaders(HTTP2Head.headers(of: request), on: stream, endsStream: endsStream)
        return stream
    }

    /// Sends a response's head (server's side). Interim responses (1xx, RFC 9110 §15.2) may come before the final one; what
    /// HTTP/2 does not have (101) or comes behind it is left out.
    ///
    /// - Parameter endsStream: nothing follows the head; of no effect with an interim response.
    public func respond(_ response: HTTPResponse, on stream: HTTP2Stream, endsStream: Bool = false) {
        guard !stream.isClosed, !stream.localEnded, failure == nil else { return }
        if response.status.kind == .informational {
            guard response.status.code != 101, !stream.flags.contains(.isAnswered) else { return }
            writeHeaders(HTTP2Head.headers(of: response), on: stream, endsStream: false)
            return
        }
        stream.flags.insert(.isAnswered)
        writeHeaders(HTTP2Head.headers(of: response), on: stream, endsStream: endsStream)
    }

    /// Sends content: at once as far as the windows and the output have room, the rest when it is the stream's turn.
    ///
    /// - Parameter endsStream: END_STREAM comes with the last of these bytes, of which there must be one.
    public func write(_ bytes: ByteBuffer, on stream: HTTP2Stream, endsStream: Bool = false) {
        guard !stream.isClosed, !stream.localEnded, failure == nil else { return }
        var bytes = bytes
        // Where others wait for their turn, so does this one.
        if stream.pending == nil, ready.isEmpty {
            makeRoom()
            while bytes.readableBytes > 0, let count = sendable(bytes.readableBytes, on: stream) {
                let isLast = endsStream && count == bytes.readableBytes
                writeData(bytes, count, on: stream, endsStream: isLast)
                bytes.moveReaderIndex(forwardBy: count)
            }
        }
        guard bytes.readableBytes > 0 else {
            if endsStream { localEnd(stream) }
            return
        }
        if endsStream { stream.flags.insert(.endsAfterPending) }
        if stream.pending == nil {
            // A copy, unless the bytes are most of what would be kept with them: a few that wait don't keep the whole
            // chunk they came in, and a response that many wait for is there once.
            stream.pending =
                bytes.readableBytes > bytes.storageCapacity / 2 ? bytes : ByteBuffer(bytes: bytes.readableBytesView)
        } else {
            stream.pending?.writeBuffer(&bytes)
        }
        if stream.pendingBytes >= HTTP2Stream.highWatermark { stream.flags.insert(.isUnwritable) }
        enqueue(stream)
    }

    /// How much of `count` bytes may go out in one frame now; nil: nothing.
    private func sendable(_ count: Int, on stream: HTTP2Stream) -> Int? {
        let room = Self.outputLimit - output.readableBytes
        let count = min(count, Self.maxDataSize, stream.sendWindow, sendWindow, room)
        return count > 0 ? count : nil
    }

    /// One DATA frame with the first bytes of a buffer, for which there is room.
    private func writeData(_ bytes: ByteBuffer, _ count: Int, on stream: HTTP2Stream, endsStream: Bool) {
        bytes.withUnsafeReadableBytes {
            HTTP2FrameHeader(.data, flags: endsStream ? .endStream : [], stream: stream.id, payloadLength: count)
                .write(to: &output, with: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
        stream.sendWindow -= count
        sendWindow -= count
        expectWindowUpdates(for: count)
    }

    /// Ends the own half of the stream, behind what is pending.
    ///
    /// - Parameter trailers: go out with END_STREAM (RFC 9113 §8.1); nil or empty: none.
    public func end(_ stream: HTTP2Stream, trailers: HTTPFields? = nil) {
        guard !stream.isClosed, !stream.localEnded, failure == nil else { return }
        stream.trailers = trailers.flatMap { $0.isEmpty ? nil : $0 }
        if stream.pending != nil {
            stream.flags.insert(.endsAfterPending)
            return
        }
        if !sendTrailers(of: stream) {
            writeFrame(.data, flags: .endStream, stream: stream.id, payload: ByteBuffer())
            localEnd(stream)
        }
    }

    /// Ends the stream with the trailers that wait for it; false: there are none.
    private func sendTrailers(of stream: HTTP2Stream) -> Bool {
        guard let trailers = stream.trailers.take() else { return false }
        writeHeaders(HTTP2Head.headers(ofTrailers: trailers), on: stream, endsStream: true)
        return true
    }

    private func localEnd(_ stream: HTTP2Stream) {
        stream.flags.insert(.localEnded)
        removeIfDone(stream)
    }

    /// Ends the stream at once: what is pending is lost (RFC 9113 §6.4), and no more events tell of it.
    public func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        stream.flags.insert(.isForgotten)
        guard !stream.isClosed, failure == nil else { return }
        // A peer that ends its streams before they are answered makes as much work for nothing as one that resets them.
        if stream.remoteEnded, !stream.flags.contains(.isAnswered) { uncountedResets += 1 }
        writeReset(stream.id, code)
        remove(stream, stream.remoteEnded ? .peerEnded : .abandoned)
    }

    /// All that can be sent now, DATA of the streams that wait included; nil when there is nothing.
    public func takeOutput() -> ByteBuffer? {
        fill()
        guard output.readableBytes > 0 else { return nil }
        let bytes = output
        lastOutputSize = min(bytes.readableBytes, Self.outputLimit)
        output = ByteBuffer()
        return bytes
    }

    /// Takes back an output that has been sent, so that the next one finds its memory. A large one is let go: its connection
    /// may be idle for long.
    public func takeBack(_ sent: consuming ByteBuffer) {
        guard output.storageCapacity == 0, sent.storageCapacity <= Self.keptOutput else { return }
        output = sent
        output.clear()
    }

    /// Whether `takeOutput` has something to give.
    public var hasOutput: Bool { output.readableBytes > 0 || sendWindow > 0 && !ready.isEmpty }

    /// Room for as much as there was last time: a new output would grow in many steps, and an idle connection keeps none.
    private func makeRoom() {
        if output.storageCapacity == 0, lastOutputSize > 0 { output.reserveCapacity(lastOutputSize) }
    }

    /// Lets each stream that waits send one frame, and again, until the output is full.
    private func fill() {
        if !ready.isEmpty { makeRoom() }
        while output.readableBytes < Self.outputLimit, sendWindow > 0, let stream = ready.popFirst() {
            stream.flags.remove(.isQueued)
            guard !stream.isClosed, var pending = stream.pending.take() else { continue }
            guard let count = sendable(pending.readableBytes, on: stream) else {
                stream.pending = pending
                continue
            }
            let isLast = count == pending.readableBytes
            let ends = isLast && stream.flags.contains(.endsAfterPending)
            writeData(pending, count, on: stream, endsStream: ends && stream.trailers == nil)
            pending.moveReaderIndex(forwardBy: count)
            if !isLast {
                // What has gone is given back now and then, at the price of one move of what is left.
                if pending.readerIndex > HTTP2Stream.highWatermark { pending.discardReadBytes() }
                stream.pending = pending
                enqueue(stream)
            }
            if ends {
                if !sendTrailers(of: stream) { localEnd(stream) }
                events.append(.writable(stream))
            } else if !stream.isWritable, stream.pendingBytes < HTTP2Stream.lowWatermark {
                stream.flags.remove(.isUnwritable)
                events.append(.writable(stream))
            }
        }
    }

    /// Puts a stream in line if it has something to send and may.
    func enqueue(_ stream: HTTP2Stream) {
        guard stream.pending != nil, stream.sendWindow > 0, !stream.flags.contains(.isQueued) else { return }
        stream.flags.insert(.isQueued)
        ready.append(stream)
    }

    // MARK: Frames

    func writeFrame(
        _ kind: HTTP2FrameHeader.Kind, flags: HTTP2FrameHeader.Flags = [], stream: HTTP2StreamID = 0,
        payload: ByteBuffer
    ) {
        HTTP2FrameHeader(kind, flags: flags, stream: stream, payloadLength: payload.readableBytes).write(to: &output)
        output.writeImmutableBuffer(payload)
    }

    func writeWindowUpdate(_ stream: HTTP2StreamID, _ increment: UInt32) {
        HTTP2FrameHeader(.windowUpdate, stream: stream, payloadLength: 4).write(to: &output)
        output.writeInteger(increment)
    }

    func writePing(_ value: UInt64, flags: HTTP2FrameHeader.Flags = []) {
        HTTP2FrameHeader(.ping, flags: flags, stream: 0, payloadLength: 8).write(to: &output)
        output.writeInteger(value)
    }

    func writeReset(_ stream: HTTP2StreamID, _ code: HTTP2ErrorCode) {
        HTTP2FrameHeader(.rstStream, stream: stream, payloadLength: 4).write(to: &output)
        output.writeInteger(code.rawValue)
    }

    func writeGoAway(_ code: HTTP2ErrorCode, _ message: String) {
        let last = lastStreamOfGoAway ?? lastPeerStream
        lastStreamOfGoAway = last
        var payload = ByteBuffer()
        payload.writeMultipleIntegers(last, code.rawValue)
        payload.writeString(message)
        writeFrame(.goAway, payload: payload)
    }

    private func writeHeaders(_ headers: OutgoingHeaders, on stream: HTTP2Stream, endsStream: Bool) {
        var block: ByteBuffer
        do {
            block = try encoder.encode(headers)
        } catch {
            // Only if a header block were being written already.
            fail(HTTP2Failure(.internalError, "header fields can't be compressed: \(type(of: error))"))
            return
        }
        var kind = HTTP2FrameHeader.Kind.headers
        var flags: HTTP2FrameHeader.Flags = endsStream ? .endStream : []
        repeat {
            let count = min(block.readableBytes, Self.maxDataSize)
            let fragment = block.readSlice(length: count) ?? ByteBuffer()
            if block.readableBytes == 0 { flags.insert(.endHeaders) }
            writeFrame(kind, flags: flags, stream: stream.id, payload: fragment)
            kind = .continuation
            flags = []
        } while block.readableBytes > 0
        if endsStream {
            localEnd(stream)
        }
    }
}
