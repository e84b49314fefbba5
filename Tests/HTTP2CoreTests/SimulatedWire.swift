import NIOCore

@testable import HTTP2Core

/// One direction of a link: takes whole frames, hands on bytes, and watches that its sender keeps to RFC 9113.
///
/// What the sender may send is what its peer has granted and what has arrived of that.
struct SimulatedWire {
    private var queue = ByteBuffer()
    /// What has arrived of the frames that grant something to whoever gets them, by the byte they end with.
    private var grants: [(end: Int, Frame)] = []
    private var taken = 0
    private var handedOn = 0

    // What its sender may do.
    private var connectionWindow = 65_535
    private var windows: [UInt32: Int] = [:]
    private var over: Set<UInt32> = []
    private(set) var problems: [String] = []
    /// Bytes of content so far.
    private(set) var content = 0

    /// Bytes on their way.
    var count: Int { queue.readableBytes }

    mutating func take(_ output: ByteBuffer) {
        var output = output
        if taken == 0, output.readableBytesView.starts(with: Frame.preface) {
            let preface = output.readSlice(length: 24)
            queue.writeImmutableBuffer(preface ?? ByteBuffer())
            taken += 24
        }
        queue.writeImmutableBuffer(output)
        while output.readableBytes > 0 {
            guard let header = HTTP2FrameHeader(readingFrom: &output),
                let payload = output.readSlice(length: header.payloadLength)
            else {
                problems.append("output that is no whole frames")
                return
            }
            taken += 9 + header.payloadLength
            judge(header)
            if [.settings, .windowUpdate].contains(header.kind) {
                let frame = Frame(
                    type: header.kind?.rawValue ?? 0, flags: header.flags.rawValue, stream: header.stream,
                    payload: Array(payload.readableBytesView))
                grants.append((taken, frame))
            }
        }
    }

    private mutating func judge(_ header: HTTP2FrameHeader) {
        let id = header.stream
        if header.payloadLength > 16_384 { problems.append("a frame of \(header.payloadLength) bytes") }
        guard id != 0 else { return }
        if over.contains(id), header.kind != .windowUpdate, header.kind != .rstStream {
            problems.append("\(header.name) on stream \(id) behind its end")
        }
        if header.kind == .data {
            content += header.payloadLength
            connectionWindow -= header.payloadLength
            windows[id, default: 65_535] -= header.payloadLength
            if connectionWindow < 0 { problems.append("\(-connectionWindow) bytes beyond the connection's window") }
            if let window = windows[id], window < 0 { problems.append("\(-window) bytes beyond the window of \(id)") }
        }
        let ends = [.data, .headers].contains(header.kind) && header.flags.contains(.endStream)
        if ends || header.kind == .rstStream { over.insert(id) }
    }

    /// The next bytes, and what they grant to the other direction's sender.
    mutating func hand(on count: Int) -> (bytes: ByteBuffer, grants: [Frame]) {
        let bytes = queue.readSlice(length: min(count, queue.readableBytes)) ?? ByteBuffer()
        if queue.readableBytes == 0 { queue = ByteBuffer() }
        handedOn += bytes.readableBytes
        let arrived = grants.prefix { $0.end <= handedOn }
        grants.removeFirst(arrived.count)
        return (bytes, arrived.map(\.1))
    }

    mutating func grant(_ frame: Frame) {
        guard frame.type == 8 else { return }
        if frame.stream == 0 {
            connectionWindow += Int(frame.word())
        } else {
            windows[frame.stream, default: 65_535] += Int(frame.word())
        }
    }
}
