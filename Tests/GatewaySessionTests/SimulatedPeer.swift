import GatewaySession
import NIOCore
import PerMessageDeflate
import TestSupport

/// A message as an application sees it.
struct SimulatedMessage: Equatable, Sendable {
    var isText: Bool
    var payload: [UInt8]
}

/// A Close frame as its receiver reads it.
struct SimulatedClose: Equatable, Sendable {
    /// nil: the payload was empty.
    var code: UInt16?
    var reason: String

    init(_ code: UInt16?, _ reason: String = "") {
        self.code = code
        self.reason = reason
    }
}

/// The client or the server at the far end of a leg: makes frames, reads what arrives, and notes every rule that the
/// gateway breaks towards it.
final class SimulatedPeer {
    enum End { case end, drop }

    let leg: Leg
    private let compression: DeflateParameters?

    // What it got.
    private(set) var frames: [FrameReader.Frame] = []
    private(set) var messages: [SimulatedMessage] = []
    private(set) var close: SimulatedClose?
    private(set) var end: End?
    private(set) var problems: [String] = []
    private(set) var bytesReceived = 0

    /// Messages that ended with an empty fragment behind others, by their places: whether they are compressed.
    private(set) var emptyEndsReceived: [Int: Bool] = [:]
    private(set) var emptyEndsSent: [Int: Bool] = [:]
    private var messagesSent = 0
    private var sendsCompressed = false

    // How it behaves.
    var answersPings = true
    /// A constant that it answers every ping with.
    var constantPong: [UInt8]?
    var answersClose = true
    /// The code it answers every Close with; nil: the one that came.
    var answerCode: UInt16?
    /// Whether it ends TCP when it should: the server after both Closes, the client when the other end has.
    var endsTransport = true

    // What it has to say.
    var outbox: [UInt8] = []
    var outboxHead = 0
    /// It ends its sending half behind what is in the outbox.
    var ends = false
    var hasSentClose = false

    private var reader = FrameReader()
    private var gathered: (opcode: UInt8, isCompressed: Bool, payload: [UInt8])?
    private var masks = SeededGenerator(seed: 7)
    private var deflater: Deflater?
    private var inflater: Inflater?

    init(_ leg: Leg, compression: DeflateParameters?) {
        self.leg = leg
        self.compression = compression
    }

    /// Payloads of the data frames, pings and pongs that came, as text.
    func texts(of opcode: UInt8) -> [String] {
        frames.filter { $0.opcode == opcode }.map { String(decoding: $0.payload, as: UTF8.self) }
    }

    var isInsideFrame: Bool { !reader.isBetweenFrames }
    var hasUnfinishedMessage: Bool { gathered != nil }

    // MARK: Sending

    @discardableResult
    func send(_ frame: SimulatedFrame) -> [UInt8] {
        let bytes = frame.encoded(maskKey: masks.bytes(4), byDefaultMasked: leg == .client)
        outbox += bytes
        if frame.opcode < 3 { note(data: frame) }
        if frame.opcode == SimulatedFrame.close { hasSentClose = true }
        return bytes
    }

    private func note(data frame: SimulatedFrame) {
        if frame.opcode != SimulatedFrame.continuation { sendsCompressed = frame.reserved & 4 != 0 }
        guard frame.fin else { return }
        if frame.opcode == SimulatedFrame.continuation, frame.payload.isEmpty {
            emptyEndsSent[messagesSent] = sendsCompressed
        }
        messagesSent += 1
    }

    @discardableResult
    func send(_ frames: [SimulatedFrame]) -> [UInt8] { frames.flatMap { send($0) } }

    func send(text: String) { send(.text(text)) }

    func send(close code: UInt16?, _ reason: String = "") { send(.close(code, reason)) }

    /// The frames of a message, its payload (compressed or not) cut into so many bytes each, the rest in the last.
    func frames(of message: SimulatedMessage, compressed: Bool = false, fragments: [Int] = []) -> [SimulatedFrame] {
        let payload = compressed ? compress(message.payload) : message.payload
        var frames: [SimulatedFrame] = []
        var start = 0
        for length in fragments.map(Optional.some) + [nil] {
            let end = min(payload.count, length.map { start + $0 } ?? payload.count)
            let opcode = message.isText ? SimulatedFrame.text : SimulatedFrame.binary
            frames.append(
                SimulatedFrame(
                    fin: length == nil, reserved: compressed && frames.isEmpty ? 4 : 0,
                    opcode: frames.isEmpty ? opcode : SimulatedFrame.continuation, payload: Array(payload[start..<end]))
            )
            start = end
        }
        return frames
    }

    func send(_ message: SimulatedMessage, compressed: Bool = false, fragments: [Int] = []) {
        send(frames(of: message, compressed: compressed, fragments: fragments))
    }

    private var sendingHalf: (bits: Int, takeover: Bool) {
        guard let compression else { return (15, false) }
        return leg == .client
            ? (compression.clientMaxWindowBits, !compression.clientNoContextTakeover)
            : (compression.serverMaxWindowBits, !compression.serverNoContextTakeover)
    }

    /// A compressed message (RFC 7692 §7.2.1). zlib's window of 9 bits never refers back more than 250 bytes, and so
    /// serves for 8 as well.
    func compress(_ payload: [UInt8]) -> [UInt8] {
        do {
            if deflater == nil || !sendingHalf.takeover {
                deflater = try Deflater(windowBits: max(9, sendingHalf.bits), memoryLevel: 8)
            }
            var output = ByteBuffer()
            try payload.withUnsafeBytes { bytes in
                var used = 0
                while used < bytes.count {
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
                    used += try deflater?.compress(rest, into: &output, limit: 1 << 20) ?? bytes.count
                }
            }
            while try deflater?.finishMessage(into: &output, limit: 1 << 20) == false {}
            return Array(output.readableBytesView)
        } catch {
            problems.append("could not compress: \(error)")
            return []
        }
    }

    // MARK: Receiving

    func receive(_ bytes: [UInt8]) {
        bytesReceived += bytes.count
        if end != nil { problems.append("\(bytes.count) bytes came after the end of the connection") }
        reader.append(bytes)
        while let frame = reader.next() { receive(frame) }
    }

    func receive(end: End) {
        if end == .end, !reader.isBetweenFrames { problems.append("the connection was ended in order inside a frame") }
        self.end = self.end == .drop ? .drop : end
        if endsTransport { ends = true }
    }

    private func receive(_ frame: FrameReader.Frame) {
        frames.append(frame)
        if close != nil { problems.append("a frame with opcode \(frame.opcode) came after the Close") }
        if frame.isMasked != (leg == .server) { problems.append("masked is \(frame.isMasked)") }
        if frame.reserved & 3 != 0 { problems.append("RSV2 or RSV3 is set") }
        if frame.reserved != 0 && (compression == nil || frame.opcode != 1 && frame.opcode != 2) {
            problems.append("RSV1 is set on opcode \(frame.opcode)")
        }
        switch frame.opcode {
        case SimulatedFrame.continuation, SimulatedFrame.text, SimulatedFrame.binary: receive(data: frame)
        case SimulatedFrame.close: receive(close: frame)
        case SimulatedFrame.ping:
            if answersPings && !hasSentClose {
                send(SimulatedFrame(opcode: SimulatedFrame.pong, payload: constantPong ?? frame.payload))
            }
        case SimulatedFrame.pong: break
        default: problems.append("opcode \(frame.opcode) is reserved")
        }
        if frame.opcode >= 8, !frame.fin || frame.payload.count > 125 { problems.append("bad control frame") }
    }

    private func receive(data frame: FrameReader.Frame) {
        if (frame.opcode == SimulatedFrame.continuation) != (gathered != nil) {
            problems.append("opcode \(frame.opcode) \(gathered == nil ? "outside" : "inside") a message")
        }
        var message = gathered ?? (frame.opcode, frame.reserved & 4 != 0, [])
        if gathered != nil, frame.fin, frame.payload.isEmpty {
            emptyEndsReceived[messages.count] = message.isCompressed
        }
        message.payload += frame.payload
        gathered = message
        guard frame.fin else { return }
        gathered = nil
        let payload = message.isCompressed ? inflate(message.payload) : message.payload
        let isText = message.opcode == SimulatedFrame.text
        if isText, String(validating: payload, as: UTF8.self) == nil { problems.append("text is not UTF-8") }
        messages.append(SimulatedMessage(isText: isText, payload: payload))
    }

    private func inflate(_ payload: [UInt8]) -> [UInt8] {
        guard let compression else { return [] }
        let isClient = leg == .client
        let bits = isClient ? compression.serverMaxWindowBits : compression.clientMaxWindowBits
        let forgets = isClient ? compression.serverNoContextTakeover : compression.clientNoContextTakeover
        do {
            if inflater == nil || forgets { inflater = try Inflater(windowBits: bits) }
            var output = ByteBuffer()
            try payload.withUnsafeBytes { bytes in
                var used = 0
                while used < bytes.count {
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
                    used += try inflater?.inflate(rest, into: &output, limit: 1 << 20).consumed ?? bytes.count
                }
            }
            while try inflater?.finishMessage(into: &output, limit: 1 << 20) == false {}
            return Array(output.readableBytesView)
        } catch {
            problems.append("message does not inflate: \(error)")
            return []
        }
    }

    private func receive(close frame: FrameReader.Frame) {
        let code = frame.payload.count < 2 ? nil : UInt16(frame.payload[0]) << 8 | UInt16(frame.payload[1])
        if frame.payload.count == 1 { problems.append("Close payload of one byte") }
        if let code, !(1000...1003).contains(code), !(1007...1014).contains(code), !(3000...4999).contains(code) {
            problems.append("close code \(code) on the wire")
        }
        close = SimulatedClose(code, String(decoding: frame.payload.dropFirst(2), as: UTF8.self))
        if answersClose && !hasSentClose { send(close: answerCode ?? code) }
        if leg == .server, endsTransport, hasSentClose { ends = true }
    }
}
