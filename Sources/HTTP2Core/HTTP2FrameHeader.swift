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

    /// The header of a DATA frame on a stream, without padding, whose payload is here as well; nil: it is another frame, or
    /// more of it has to come.
    static func wholeData(_ bytes: UnsafeRawBufferPointer, limit: Int) -> HTTP2FrameHeader? {
        guard bytes.count >= length else { return nil }
        let lengthAndKind = UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
        let payloadLength = Int(lengthAndKind >> 8)
        guard lengthAndKind & 0xFF == UInt32(Kind.data.rawValue), payloadLength <= limit,
            bytes.count - length >= payloadLength
        else { return nil }
        let flags = Flags(rawValue: bytes[4])
        let stream = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 5, as: UInt32.self)) & 0x7FFF_FFFF
        guard !flags.contains(.padded), stream != 0 else { return nil }
        return HTTP2FrameHeader(.data, flags: flags, stream: stream, payloadLength: payloadLength)
    }

    /// Writes the header and the payload of a frame in one step.
    func write(to buffer: inout ByteBuffer, with payload: UnsafeRawBufferPointer) {
        let size = Self.length + payload.count
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { memory in
            let lengthAndKind = UInt32(truncatingIfNeeded: payload.count) << 8 | UInt32(kind?.rawValue ?? 0)
            memory.storeBytes(of: lengthAndKind.bigEndian, as: UInt32.self)
            memory[4] = flags.rawValue
            memory.storeBytes(of: stream.bigEndian, toByteOffset: 5, as: UInt32.self)
            UnsafeMutableRawBufferPointer(rebasing: memory[Self.length...]).copyMemory(from: payload)
            return size
        }
    }

    func write(to buffer: inout ByteBuffer) {
        let lengthAndKind = UInt32(truncatingIfNeeded: payloadLength) << 8 | UInt32(kind?.rawValue ?? 0)
        buffer.writeMultipleIntegers(lengthAndKind, flags.rawValue, stream)
    }
}

/// Numbers a stream on its connection (RFC 9113 §5.1.1): odd ones are the client's.
public typealias HTTP2StreamID = UInt32
