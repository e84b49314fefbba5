public import NIOCore

/// The close code that versions 7 and 8 write in another way: a message that is too big was 1004 there, which RFC 6455
/// has reserved, and is 1009 now.
public enum LegacyCloseCodes {
    static let tooBig: UInt16 = 1004

    /// - Parameter frame: a server's whole Close frame, unmasked.
    public static func forClient(_ frame: ByteBuffer) -> ByteBuffer {
        let code = frame.readerIndex &+ 2
        guard frame.getInteger(at: code, as: UInt16.self) == CloseCode.messageTooBig.rawValue else { return frame }
        var frame = frame
        frame.setInteger(tooBig, at: code)
        return frame
    }
}

/// Rewrites that code in what a client sends, in whatever pieces it comes. Everything else goes on as it is, what breaks
/// a rule too: that is for the session to judge.
public struct LegacyCloseReader: Sendable {
    /// The beginning of a header, or of a Close up to its code.
    private var cut = ByteBuffer()
    /// Payload of a frame that is still to come.
    private var remaining = 0
    private var isBlind = false

    public init() {}

    public mutating func read(_ bytes: ByteBuffer) -> ByteBuffer {
        guard !isBlind else { return bytes }
        var bytes = bytes
        if cut.readableBytes > 0 {
            let more = bytes
            bytes = cut
            bytes.writeImmutableBuffer(more)
            cut = ByteBuffer()
        }
        var position = bytes.readerIndex
        while position < bytes.writerIndex {
            let available = bytes.writerIndex &- position
            if remaining > 0 {
                let step = min(remaining, available)
                remaining &-= step
                position &+= step
                continue
            }
            guard let header = header(at: position, in: bytes) else {
                guard !isBlind else { return bytes }
                return hold(&bytes, from: position)
            }
            if header.opcode == .close, header.payloadLength >= 2 {
                guard available >= header.encodedLength &+ 2 else { return hold(&bytes, from: position) }
                Self.rewrite(&bytes, at: position &+ header.encodedLength, key: header.maskKey)
            }
            position &+= header.encodedLength
            remaining = header.payloadLength
        }
        return bytes
    }

    private mutating func header(at position: Int, in bytes: ByteBuffer) -> FrameHeader? {
        let parsed = bytes.withUnsafeReadableBytes { view in
            let rest = UnsafeRawBufferPointer(rebasing: view[(position &- bytes.readerIndex)...])
            return Result { () throws(ProtocolViolation) in try FrameHeader.parse(rest) }
        }
        guard case .success(let header) = parsed else {
            isBlind = true
            return nil
        }
        return header
    }

    private mutating func hold(_ bytes: inout ByteBuffer, from position: Int) -> ByteBuffer {
        let whole = bytes.readSlice(length: position &- bytes.readerIndex) ?? ByteBuffer()
        cut = ByteBuffer(bytes: bytes.readableBytesView)
        return whole
    }

    private static func rewrite(_ bytes: inout ByteBuffer, at position: Int, key: MaskKey?) {
        guard var code = bytes.getSlice(at: position, length: 2) else { return }
        let mask = key ?? MaskKey(raw: 0)
        code.withUnsafeMutableReadableBytes { mask.apply(to: $0, offset: 0) }
        guard code.readInteger(as: UInt16.self) == LegacyCloseCodes.tooBig else { return }
        var new = ByteBuffer(integer: CloseCode.messageTooBig.rawValue)
        new.withUnsafeMutableReadableBytes { mask.apply(to: $0, offset: 0) }
        bytes.setBuffer(new, at: position)
    }
}
