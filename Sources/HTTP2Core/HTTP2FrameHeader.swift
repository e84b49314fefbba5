import NIOCore

/// The nine bytes before each frame's payload (RFC 9113 §4.1).
struct HTTP2FrameHeader: Equatable {
    static let length = 9

    enum Kind: UInt8 {
        case data = 0x0
        case headers = 0x1
        case priority = 0x2
        case rstStream = 0x3
        case settings = 0x4
        case pushPromise = 0x5
        case ping = 0x6
        case goAway = 0x7
        case windowUpdate = 0x8
        case continuation = 0x9
    }

    struct Flags: OptionSet {
        let rawValue: UInt8

        static let endStream = Flags(rawValue: 0x1)
        static let ack = Flags(rawValue: 0x1)
        static let endHeaders = Flags(rawValue: 0x4)
        static let padded = Flags(rawValue: 0x8)
        static let priority = Flags(rawValue: 0x20)
    }

    /// Bytes of the payload: 0 to 16,777,215.
    var payloadLength: Int
    /// nil: a type that RFC 9113 doesn't know, to be ignored.
    var kind: Kind?
    var flags: Flags
    /// 31 bits; 0 is the connection.
    var stream: HTTP2StreamID

    init(_ kind: Kind, flags: Flags = [], stream: HTTP2StreamID, payloadLength: Int) {
        self.payloadLength = payloadLength
        self.kind = kind
        self.flags = flags
        self.stream = stream
    }

    /// Reads a header; nil, and nothing is read, while fewer than nine bytes are there.
    init?(readingFrom buffer: inout ByteBuffer) {
        guard
            let (lengthAndKind, flags, stream) = buffer.readMultipleIntegers(
                as: (UInt32, UInt8, UInt32).self)
        else { return nil }
        payloadLength = Int(lengthAndKind >> 8)
        kind = Kind(rawValue: UInt8(truncatingIfNeeded: lengthAndKind))
        self.flags = Flags(rawValue: flags)
        // The highest bit is reserved and ignored.
        self.stream = stream & 0x7FFF_FFFF
    }

    func write(to buffer: inout ByteBuffer) {
        let lengthAndKind = UInt32(truncatingIfNeeded: payloadLength) << 8 | UInt32(kind?.rawValue ?? 0)
        buffer.writeMultipleIntegers(lengthAndKind, flags.rawValue, stream)
    }
}

/// Numbers a stream on its connection (RFC 9113 §5.1.1): odd ones are the client's.
public typealias HTTP2StreamID = UInt32
