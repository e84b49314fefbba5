import NIOCore

/// The payload of a Close frame: nothing, or a 2-byte code and a reason in UTF-8 (RFC 6455 §5.5.1).
public struct ClosePayload: Equatable, Sendable {
    /// nil: the payload is empty.
    public var code: CloseCode?
    /// Empty when there is no code.
    public var reason: String

    /// Most bytes of reason that a Close frame has room for: 125 less the code.
    public static let maximumReasonLength = 123

    public init(code: CloseCode?, reason: String = "") {
        self.code = code
        self.reason = reason
    }

    /// Reads a whole, unmasked payload.
    ///
    /// - Throws: `ProtocolViolation` with 1002 for a single byte, more than 125 bytes or a code that may not be sent
    ///   (§7.4), with 1007 for a reason that is not UTF-8 (§8.1).
    public static func parse(_ unmasked: UnsafeRawBufferPointer) throws(ProtocolViolation) -> ClosePayload {
        guard unmasked.count > 0 else { return ClosePayload(code: nil) }
        guard unmasked.count >= 2 else {
            throw ProtocolViolation(
                closeCode: .protocolError, reason: "Close payload is 1 byte, expected none or at least a 2-byte code")
        }
        guard unmasked.count <= 125 else {
            throw ProtocolViolation(
                closeCode: .protocolError, reason: "Close payload is \(unmasked.count) bytes, limit 125")
        }
        let code = CloseCode(rawValue: UInt16(bigEndian: unmasked.loadUnaligned(as: UInt16.self)))
        guard code.isValidOnWire else {
            throw ProtocolViolation(
                closeCode: .protocolError,
                reason: "close code \(code) is not allowed on the wire, expected 1000-1003, 1007-1014 or 3000-4999")
        }
        let reason = UnsafeRawBufferPointer(rebasing: unmasked[2...])
        var validator = UTF8Validator()
        guard validator.consume(reason, mask: nil, offset: 0), validator.isAtBoundary else {
            throw ProtocolViolation(closeCode: .invalidPayload, reason: "reason of the Close frame is not UTF-8")
        }
        return ClosePayload(code: code, reason: String(decoding: reason, as: UTF8.self))
    }

    /// Appends the payload, at most 125 bytes: a longer reason is cut between two characters.
    ///
    /// Writes nothing for no code, and for one that may not be on the wire (1005, 1006, 1015 and the unassigned).
    public func encode(into buffer: inout ByteBuffer) {
        guard let code, code.isValidOnWire else { return }
        buffer.writeInteger(code.rawValue)
        var length = 0
        for scalar in reason.unicodeScalars {
            let next = length &+ UTF8.width(scalar)
            guard next <= Self.maximumReasonLength else { break }
            length = next
        }
        buffer.writeBytes(reason.utf8.prefix(length))
    }
}
