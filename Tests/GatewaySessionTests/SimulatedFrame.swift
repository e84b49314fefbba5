/// A frame as a peer writes it (RFC 6455 §5.2), right or wrong in any field. Written without the code under test.
struct SimulatedFrame: Equatable, Sendable {
    enum LengthForm: Sendable {
        case shortest, bits16, bits64
        /// 64 bits, with the top one set.
        case negative
    }

    static let continuation: UInt8 = 0x0
    static let text: UInt8 = 0x1
    static let binary: UInt8 = 0x2
    static let close: UInt8 = 0x8
    static let ping: UInt8 = 0x9
    static let pong: UInt8 = 0xA

    var fin = true
    /// 4: RSV1, 2: RSV2, 1: RSV3.
    var reserved: UInt8 = 0
    var opcode: UInt8
    var payload: [UInt8] = []
    var lengthForm = LengthForm.shortest
    /// nil: masked by clients, not by servers.
    var isMasked: Bool?
    /// What the header says, where that is not the payload that follows.
    var claimedLength: Int?

    static func text(_ text: String, fin: Bool = true) -> SimulatedFrame {
        SimulatedFrame(fin: fin, opcode: Self.text, payload: Array(text.utf8))
    }

    static func binary(_ payload: [UInt8], fin: Bool = true) -> SimulatedFrame {
        SimulatedFrame(fin: fin, opcode: Self.binary, payload: payload)
    }

    static func continuation(_ text: String, fin: Bool = true) -> SimulatedFrame {
        SimulatedFrame(fin: fin, opcode: Self.continuation, payload: Array(text.utf8))
    }

    static func ping(_ payload: String) -> SimulatedFrame {
        SimulatedFrame(opcode: Self.ping, payload: Array(payload.utf8))
    }

    static func pong(_ payload: String) -> SimulatedFrame {
        SimulatedFrame(opcode: Self.pong, payload: Array(payload.utf8))
    }

    static func close(_ code: UInt16?, _ reason: String = "") -> SimulatedFrame {
        let codeBytes = code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []
        return SimulatedFrame(opcode: Self.close, payload: codeBytes + Array(reason.utf8))
    }

    /// The bytes of the wire.
    func encoded(maskKey: [UInt8], byDefaultMasked: Bool) -> [UInt8] {
        let masked = isMasked ?? byDefaultMasked
        let maskBit: UInt8 = masked ? 0x80 : 0
        var bytes: [UInt8] = [(fin ? 0x80 : 0) | reserved << 4 | opcode]
        let length = claimedLength ?? payload.count
        var form = lengthForm
        if form == .shortest, length > 125 { form = length <= 0xFFFF ? .bits16 : .bits64 }
        switch form {
        case .shortest: bytes.append(maskBit | UInt8(length))
        case .bits16: bytes += [maskBit | 126, UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)]
        case .bits64, .negative:
            bytes.append(maskBit | 127)
            let bits = UInt64(length) | (form == .negative ? 1 << 63 : 0)
            bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) }
        }
        guard masked else { return bytes + payload }
        bytes += maskKey
        bytes.reserveCapacity(bytes.count + payload.count)
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ maskKey[index & 3]) }
        return bytes
    }
}

/// Reads the frames out of bytes that come in pieces. Written without the code under test.
struct FrameReader {
    struct Frame: Equatable, Sendable {
        var fin: Bool
        var reserved: UInt8
        var opcode: UInt8
        var isMasked: Bool
        /// Unmasked.
        var payload: [UInt8]
    }

    private var bytes: [UInt8] = []
    private var head = 0

    var isBetweenFrames: Bool { head == bytes.count }

    mutating func append(_ more: [UInt8]) {
        bytes += more
    }

    mutating func next() -> Frame? {
        let available = bytes.count - head
        guard available >= 2 else { return nil }
        var position = head + 2
        var length = Int(bytes[head + 1] & 0x7F)
        let extended = length == 126 ? 2 : length == 127 ? 8 : 0
        guard available >= 2 + extended else { return nil }
        if extended > 0 {
            length = bytes[position..<(position + extended)].reduce(0) { $0 &<< 8 | Int($1) }
            position += extended
        }
        let isMasked = bytes[head + 1] & 0x80 != 0
        let key = isMasked ? 4 : 0
        guard length >= 0, bytes.count - position >= key, bytes.count - position - key >= length else { return nil }
        let keyStart = position
        position += key
        var payload = Array(bytes[position..<(position + length)])
        if isMasked { for index in payload.indices { payload[index] ^= bytes[keyStart + (index & 3)] } }
        let first = bytes[head]
        head = position + length
        if head == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            head = 0
        }
        return Frame(
            fin: first & 0x80 != 0, reserved: first >> 4 & 7, opcode: first & 0xF, isMasked: isMasked,
            payload: payload)
    }
}
