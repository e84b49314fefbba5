import NIOCore

/// The 2 to 14 bytes before a frame's payload (RFC 6455 §5.2).
public struct FrameHeader: Equatable, Sendable {
    public var fin: Bool
    public var rsv1: Bool
    public var rsv2: Bool
    public var rsv3: Bool
    public var opcode: Opcode
    /// Set on every frame from a client and on none from a server.
    public var maskKey: MaskKey?
    /// Bytes of payload, 0…2⁶³−1.
    public var payloadLength: Int

    /// Two bytes, a 64-bit length and a masking key.
    public static let maximumEncodedLength = 14

    @inlinable
    public init(
        fin: Bool, rsv1: Bool = false, rsv2: Bool = false, rsv3: Bool = false, opcode: Opcode,
        maskKey: MaskKey? = nil, payloadLength: Int
    ) {
        self.fin = fin
        self.rsv1 = rsv1
        self.rsv2 = rsv2
        self.rsv3 = rsv3
        self.opcode = opcode
        self.maskKey = maskKey
        self.payloadLength = payloadLength
    }

    /// Bytes that ``encode(into:)`` writes and ``parse(_:)`` consumes.
    @inlinable
    public var encodedLength: Int {
        let lengthBytes = payloadLength <= 125 ? 0 : payloadLength <= 0xFFFF ? 2 : 8
        return 2 &+ lengthBytes &+ (maskKey == nil ? 0 : 4)
    }

    /// Reads the header at the start of `bytes`; nil when more bytes are needed.
    ///
    /// Judges each byte as soon as it is there. Does not judge the reserved bits, whether a mask is due, or the order
    /// of fragments: they depend on what the connection negotiated and on the frames before.
    ///
    /// - Throws: `ProtocolViolation` with 1002 for a reserved opcode, a fragmented control frame, a control frame over
    ///   125 bytes (§5.5), a length not in its shortest form or with its top bit set (§5.2).
    public static func parse(_ bytes: UnsafeRawBufferPointer) throws(ProtocolViolation) -> FrameHeader? {
        guard let base = bytes.baseAddress, bytes.count >= 1 else { return nil }
        let first = base.load(as: UInt8.self)
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .reservedOpcode(first & 0x0F) }
        let fin = first & 0x80 != 0
        guard fin || !opcode.isControl else { throw .fragmentedControlFrame(opcode) }

        guard bytes.count >= 2 else { return nil }
        let second = base.load(fromByteOffset: 1, as: UInt8.self)
        let lengthField = second & 0x7F
        guard lengthField <= 125 || !opcode.isControl else { throw .longControlFrame(opcode, lengthField) }

        var position = 2
        let payloadLength: Int
        switch lengthField {
        case 126:
            guard bytes.count >= 4 else { return nil }
            payloadLength = Int(UInt16(bigEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            guard payloadLength > 125 else { throw .paddedLength(payloadLength, bits: 16) }
            position = 4
        case 127:
            guard bytes.count >= 3 else { return nil }
            guard base.load(fromByteOffset: 2, as: UInt8.self) & 0x80 == 0 else { throw .negativeLength() }
            guard bytes.count >= 10 else { return nil }
            let length = UInt64(bigEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            payloadLength = Int(truncatingIfNeeded: length)
            guard payloadLength > 0xFFFF else { throw .paddedLength(payloadLength, bits: 64) }
            position = 10
        default:
            payloadLength = Int(lengthField)
        }

        var maskKey: MaskKey?
        if second & 0x80 != 0 {
            guard bytes.count >= position &+ 4 else { return nil }
            maskKey = MaskKey(raw: base.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        }
        return FrameHeader(
            fin: fin, rsv1: first & 0x40 != 0, rsv2: first & 0x20 != 0, rsv3: first & 0x10 != 0, opcode: opcode,
            maskKey: maskKey, payloadLength: payloadLength)
    }

    /// The header of a message of one frame that is whole in `bytes`, from its first byte on: text or binary, no reserved
    /// bit, a length below 64 KiB, a mask as expected. nil for anything else, right or wrong: ``parse(_:)`` tells.
    ///
    /// This is what most reads are, and takes a third of the instructions that ``parse(_:)`` does.
    @inlinable
    public static func wholeMessage(_ bytes: UnsafeRawBufferPointer, isMasked: Bool) -> FrameHeader? {
        guard let base = bytes.baseAddress, bytes.count >= 2 else { return nil }
        let first = base.load(as: UInt8.self)
        let second = base.load(fromByteOffset: 1, as: UInt8.self)
        guard first == 0x81 || first == 0x82, (second & 0x80 != 0) == isMasked else { return nil }
        var payloadLength = Int(second & 0x7F)
        var position = 2
        if payloadLength > 125 {
            guard payloadLength == 126, bytes.count >= 4 else { return nil }
            payloadLength = Int(UInt16(bigEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            guard payloadLength > 125 else { return nil }
            position = 4
        }
        let end = position &+ (isMasked ? 4 : 0) &+ payloadLength
        guard end <= bytes.count else { return nil }
        return FrameHeader(
            fin: true, opcode: first == 0x81 ? .text : .binary,
            maskKey: isMasked ? MaskKey(raw: base.loadUnaligned(fromByteOffset: position, as: UInt32.self)) : nil,
            payloadLength: payloadLength)
    }

    /// Appends the header, its length in the shortest form.
    public func encode(into buffer: inout ByteBuffer) {
        var first = opcode.rawValue
        if fin { first |= 0x80 }
        if rsv1 { first |= 0x40 }
        if rsv2 { first |= 0x20 }
        if rsv3 { first |= 0x10 }
        let masked: UInt8 = maskKey == nil ? 0 : 0x80
        if payloadLength <= 125 {
            buffer.writeMultipleIntegers(first, masked | UInt8(truncatingIfNeeded: payloadLength))
        } else if payloadLength <= 0xFFFF {
            buffer.writeMultipleIntegers(first, masked | 126, UInt16(truncatingIfNeeded: payloadLength))
        } else {
            buffer.writeMultipleIntegers(first, masked | 127, UInt64(truncatingIfNeeded: payloadLength))
        }
        if let maskKey {
            // Already in the order of the wire.
            buffer.writeInteger(maskKey.raw, endianness: .host)
        }
    }
}

// Kept out of the parser, so that building messages does not weigh on the frames that are right.
extension ProtocolViolation {
    @inline(never)
    fileprivate static func reservedOpcode(_ value: UInt8) -> ProtocolViolation {
        ProtocolViolation(
            closeCode: .protocolError,
            reason: "opcode 0x\(String(value, radix: 16, uppercase: true)) is reserved, expected 0x0-0x2 or 0x8-0xA")
    }

    @inline(never)
    fileprivate static func fragmentedControlFrame(_ opcode: Opcode) -> ProtocolViolation {
        ProtocolViolation(
            closeCode: .protocolError, reason: "\(opcode) frame has FIN clear, a control frame is never fragmented")
    }

    @inline(never)
    fileprivate static func longControlFrame(_ opcode: Opcode, _ lengthField: UInt8) -> ProtocolViolation {
        ProtocolViolation(
            closeCode: .protocolError,
            reason: "\(opcode) frame payload is over 125 bytes (length field \(lengthField)), limit 125")
    }

    @inline(never)
    fileprivate static func paddedLength(_ length: Int, bits: Int) -> ProtocolViolation {
        ProtocolViolation(
            closeCode: .protocolError,
            reason: "payload length \(length) came in \(bits) bits, expected the shortest form")
    }

    @inline(never)
    fileprivate static func negativeLength() -> ProtocolViolation {
        ProtocolViolation(
            closeCode: .protocolError, reason: "64-bit payload length has its top bit set, expected 0")
    }
}
