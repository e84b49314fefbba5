/// What a frame carries (RFC 6455 §5.2). The reserved values, 0x3…0x7 and 0xB…0xF, have no case.
public enum Opcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Whether frames of this kind are control frames (RFC 6455 §5.5): at most 125 bytes of payload, never fragmented.
    @inlinable
    public var isControl: Bool { rawValue & 0x8 != 0 }
}
