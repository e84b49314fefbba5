/// What a fuzz input makes a peer send: bytes as they are, or frames whose lengths are right, so that a change of one of
/// them leaves those behind it what they are.
struct HTTP2Script {
    /// As much as is looked at: repeated frames make more of an input than it is.
    private static let limit = 25_000

    private(set) var bytes: [UInt8] = []
    /// Where the last frames begin.
    private var starts: [Int] = []

    private init() {}

    static func raw(_ input: inout InputBytes) -> HTTP2Script {
        var script = HTTP2Script()
        script.bytes = Array(input.all())
        return script
    }

    static func framed(_ input: inout InputBytes) -> HTTP2Script {
        var script = HTTP2Script()
        while !input.isAtEnd, script.bytes.count < limit { script.addRecord(&input) }
        return script
    }

    private mutating func addRecord(_ input: inout InputBytes) {
        let kind = input.byte()
        switch kind {
        case 0...0x1F:
            let flags = input.byte()
            let stream = UInt32(input.byte())
            let payload = Array(input.bytes(Int(input.byte())))
            add(kind, flags, stream, payload)
        case 0x20...0x3F:
            repeatLast(1 + Int(kind & 3), times: input.word() % 1200, advancing: kind & 4 != 0)
        case 0x40...0x4F:
            // A request that nothing is wrong with, but perhaps what follows it.
            let fields = kind & 2 == 0 ? Self.websocket : HTTP2Fields.get
            add(1, 4 | kind & 1, UInt32(input.byte()), fields + input.bytes(Int(kind & 4 == 0 ? 0 : input.byte())))
        case 0x50...0x5F:
            add(1, 4 | kind & 1, UInt32(input.byte()), kind & 2 == 0 ? [0x88] : [0x8D])
        case 0x60...0x6F:
            // DATA with more than a byte can count.
            let stream = UInt32(input.byte())
            add(0, kind & 1, stream, [UInt8](repeating: kind, count: min(input.word(), 16_400)))
        case 0x70...0x73:
            // A request with a field of any bytes.
            let stream = UInt32(input.byte())
            add(1, 5, stream, HTTP2Fields.block(value: input.bytes(Int(input.byte() & 0x3F))))
        default:
            add(kind & 0xF, input.byte(), UInt32(kind >> 4), Array(input.bytes(Int(kind & 0xF))))
        }
    }

    private static let websocket: [UInt8] =
        literal(":method", "CONNECT") + literal(":protocol", "websocket") + [0x87] + literal(":path", "/c") + [
            0x41, 1, 97,
        ]

    private static func literal(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + name.utf8 + [UInt8(value.utf8.count)] + value.utf8
    }

    private mutating func add(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) {
        let count = payload.count
        starts.append(bytes.count)
        bytes += [UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF), type, flags]
        bytes += [UInt8(stream >> 24), UInt8(stream >> 16 & 0xFF), UInt8(stream >> 8 & 0xFF), UInt8(stream & 0xFF)]
        bytes += payload
    }

    /// Adds the last frames again and again, each time on the next streams if they advance.
    private mutating func repeatLast(_ count: Int, times: Int, advancing: Bool) {
        guard let first = starts.suffix(count).first else { return }
        let block = Array(bytes[first...])
        let offsets = starts.suffix(count).map { $0 - first }
        guard block.count > 0 else { return }
        for turn in 1...max(1, times) where bytes.count < Self.limit {
            var copy = block
            if advancing {
                for offset in offsets {
                    let low = UInt32(copy[offset + 7]) << 8 | UInt32(copy[offset + 8])
                    let stream = low &+ UInt32(2 * turn)
                    copy[offset + 7] = UInt8(truncatingIfNeeded: stream >> 8)
                    copy[offset + 8] = UInt8(truncatingIfNeeded: stream)
                }
            }
            starts.append(bytes.count)
            bytes += copy
        }
    }
}
