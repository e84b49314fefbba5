/// Reads a stream of frames by the letter of RFC 6455, and judges each byte as soon as it can be judged. Written
/// without the code under test: it gathers whole messages and decodes characters one by one.
struct WireReader {
    struct Message: Equatable {
        var isText: Bool
        var isCompressed: Bool
        /// As it came, unmasked.
        var payload: [UInt8] = []
        /// The last of its fragments is empty, and not the only one.
        var endsEmpty = false
    }

    struct Control: Equatable {
        var opcode: UInt8
        var payload: [UInt8]
    }

    enum End: Equatable {
        /// More may follow.
        case open
        /// The payload is that of a Close that is in order.
        case close(payload: [UInt8])
        /// The close code for whoever sent this.
        case violation(Int)
    }

    /// Whether frames have to be masked: those of a client.
    let isMasked: Bool
    /// Whether permessage-deflate was negotiated, which gives RSV1 a meaning.
    var allowsCompression = false
    var validatesUTF8 = true
    var maximumSize = Int.max

    private(set) var end = End.open
    private(set) var messages: [Message] = []
    private(set) var pings: [[UInt8]] = []
    private(set) var pongs: [[UInt8]] = []
    /// Where the frame begins that was looked at last.
    private(set) var frameStart = 0
    /// How far the stream is understood: all but the beginning of a header or of a control frame.
    private(set) var understood = 0
    /// Payload of data frames so far.
    private(set) var payloadBytes = 0
    /// The message that has begun and not ended.
    private(set) var message: Message?

    private var bytes: [UInt8] = []
    private var size = 0
    private var scanned = 0
    private var frame: (left: Int, fin: Bool, key: UInt32, position: Int)?
    private var isContinued = false

    init(isMasked: Bool) { self.isMasked = isMasked }

    var isBetweenFrames: Bool { frame == nil && understood == bytes.count }
    var isBetweenMessages: Bool { message == nil && isBetweenFrames }
    /// Bytes given to it.
    var count: Int { bytes.count }

    mutating func append(_ more: some Sequence<UInt8>) {
        bytes.append(contentsOf: more)
        while end == .open, step() {}
    }

    private mutating func step() -> Bool {
        if frame != nil { return readPayload() }
        frameStart = understood
        let left = bytes.count - understood
        guard left >= 1 else { return false }
        let first = bytes[understood]
        let opcode = first & 0xF
        let isControl = opcode >= 8
        guard opcode & 7 <= 2 else { return fail(1002) }
        let fin = first >= 0x80
        if isControl && !fin { return fail(1002) }
        guard left >= 2 else { return false }
        let short = Int(bytes[understood + 1] & 0x7F)
        if isControl && short > 125 { return fail(1002) }
        let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
        if lengthBytes == 8, left >= 3, bytes[understood + 2] >= 0x80 { return fail(1002) }
        guard left >= 2 + lengthBytes else { return false }
        var length = short
        if lengthBytes > 0 {
            length = 0
            for index in 0..<lengthBytes { length = length << 8 + Int(bytes[understood + 2 + index]) }
            if length < (lengthBytes == 2 ? 126 : 65536) { return fail(1002) }
        }
        let hasKey = bytes[understood + 1] >= 0x80
        let headerLength = 2 + lengthBytes + (hasKey ? 4 : 0)
        guard left >= headerLength else { return false }
        if hasKey != isMasked || first & 0x30 != 0 { return fail(1002) }
        let rsv1 = first & 0x40 != 0
        if rsv1 && (!allowsCompression || opcode == 0 || isControl) { return fail(1002) }
        if !isControl && (opcode == 0) != (message != nil) { return fail(1002) }
        var key: UInt32 = 0
        for index in 0..<(hasKey ? 4 : 0) { key = key << 8 | UInt32(bytes[understood + headerLength - 4 + index]) }
        if isControl {
            guard left >= headerLength + length else { return false }
            let start = understood + headerLength
            let payload = Array(unmasked(bytes[start..<(start + length)], key, at: 0))
            return readControl(opcode, payload, endsAt: start + length)
        }
        understood += headerLength
        isContinued = opcode == 0
        if opcode != 0 {
            message = Message(isText: opcode == 1, isCompressed: rsv1)
            (size, scanned) = (0, 0)
        }
        // The size of a compressed message is known when it is inflated.
        if message?.isCompressed == false {
            let (sum, overflow) = size.addingReportingOverflow(length)
            if overflow || sum > maximumSize { return fail(1009) }
            size = sum
        }
        frame = (length, fin, key, 0)
        return true
    }

    private mutating func readPayload() -> Bool {
        guard var frame else { return false }
        let count = min(frame.left, bytes.count - understood)
        let piece = unmasked(bytes[understood..<(understood + count)], frame.key, at: frame.position)
        message?.payload += piece
        understood += count
        payloadBytes += count
        frame.left -= count
        frame.position += count
        self.frame = frame.left > 0 ? frame : nil
        guard let message else { return false }
        if message.isText, !message.isCompressed, validatesUTF8 {
            guard let left = UTF8Reference.scan(message.payload, from: &scanned) else { return fail(1007) }
            if frame.left == 0, frame.fin, left > 0 { return fail(1007) }
        }
        guard frame.left == 0 else { return false }
        if frame.fin {
            messages.append(message)
            messages[messages.count - 1].endsEmpty = isContinued && frame.position == 0
            self.message = nil
        }
        return true
    }

    private func unmasked(_ piece: ArraySlice<UInt8>, _ key: UInt32, at position: Int) -> ArraySlice<UInt8> {
        guard isMasked else { return piece }
        var piece = piece
        for index in piece.indices {
            let turn = UInt32((position + index - piece.startIndex) % 4)
            piece[index] ^= UInt8(truncatingIfNeeded: key >> (24 - 8 * turn))
        }
        return piece
    }

    private mutating func readControl(_ opcode: UInt8, _ payload: [UInt8], endsAt next: Int) -> Bool {
        if opcode == 8 {
            if payload.count == 1 { return fail(1002) }
            if payload.count >= 2 {
                let code = Int(payload[0]) * 256 + Int(payload[1])
                let isAllowed = code >= 1000 && code <= 1014 && !(1004...1006).contains(code)
                guard isAllowed || code >= 3000 && code <= 4999 else { return fail(1002) }
                var scanned = 0
                guard UTF8Reference.scan(Array(payload.dropFirst(2)), from: &scanned) == 0 else { return fail(1007) }
            }
            end = .close(payload: payload)
            return false
        }
        if opcode == 9 { pings.append(payload) } else { pongs.append(payload) }
        understood = next
        return true
    }

    private mutating func fail(_ code: Int) -> Bool {
        end = .violation(code)
        return false
    }
}

/// UTF-8 by decoding (RFC 3629 §3): a sequence is good while some character that it may become is good.
enum UTF8Reference {
    /// Decodes on from `position`, which is left behind the last whole character. Gives how many bytes of an unfinished
    /// one follow; nil when the bytes are the beginning of no text.
    static func scan(_ text: [UInt8], from position: inout Int) -> Int? {
        while position < text.count {
            let lead = text[position]
            let length = lead < 0x80 ? 1 : lead & 0xE0 == 0xC0 ? 2 : lead & 0xF0 == 0xE0 ? 3 : 4
            if length == 4 && lead & 0xF8 != 0xF0 { return nil }
            var lowest = length == 1 ? UInt32(lead) : UInt32(lead) & (0x7F >> UInt32(length))
            var missing = length - 1
            for byte in text[(position + 1)...].prefix(length - 1) {
                if byte & 0xC0 != 0x80 { return nil }
                lowest = lowest << 6 | UInt32(byte & 0x3F)
                missing -= 1
            }
            let highest = (lowest + 1) << UInt32(6 * missing) - 1
            lowest <<= UInt32(6 * missing)
            let shortest: UInt32 = length == 4 ? 0x10000 : length == 3 ? 0x800 : length == 2 ? 0x80 : 0
            if highest < shortest || lowest > 0x10FFFF || lowest >= 0xD800 && highest <= 0xDFFF { return nil }
            guard missing == 0 else { return text.count - position }
            position += length
        }
        return 0
    }
}
