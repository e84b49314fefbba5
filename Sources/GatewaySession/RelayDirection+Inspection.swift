import GatewayConfig
import PerMessageDeflate
import WebSocketCore

extension RelayDirection {
    /// A message that inflates to no more than this is never refused for its ratio: small ones of one byte repeated
    /// reach any ratio, and do no harm.
    static var ratioFloor: Int { 64 * 1024 }

    /// How much is inflated on the side in one step, give or take a piece.
    static var inspectionLimit: Int { 1024 * 1024 }

    /// Inflates payload that goes on compressed, only to know its size, its ratio and whether it is UTF-8.
    mutating func inspect(
        _ payload: UnsafeRawBufferPointer, of frame: FrameHeader, endsMessage: Bool
    ) -> ProtocolViolation? {
        guard var message, let compressed else { return nil }
        var violation: ProtocolViolation?
        let settings = settings
        var utf8 = utf8
        var traffic = compressed.traffic
        func look(_ plain: UnsafeRawBufferPointer) -> Bool {
            violation = Self.check(plain, of: &message, settings, &utf8, &traffic)
            return violation == nil
        }
        do {
            var position = 0
            while position < payload.count && violation == nil {
                let count = min(payload.count - position, Self.pieceSize)
                let piece = UnsafeRawBufferPointer(rebasing: payload[position..<(position + count)])
                message.arrived &+= count
                try unmasked(piece, by: frame.maskKey, offset: framePosition + position) { bytes in
                    try compressed.zlib.inspect(bytes, body: look)
                }
                position += count
            }
            if endsMessage && violation == nil {
                try compressed.zlib.finishInspecting(body: look)
                if violation == nil, message.isText, settings.validateUTF8, !utf8.isAtBoundary { violation = notUTF8 }
            }
        } catch {
            violation = ProtocolViolation(closeCode: .invalidPayload, reason: "\(error)")
        }
        self.message = message
        self.utf8 = utf8
        compressed.traffic = traffic
        return violation
    }

    /// What holds for inflated payload, piece by piece.
    static func check(
        _ plain: UnsafeRawBufferPointer, of message: inout MessageInFlight, _ settings: SessionSettings,
        _ utf8: inout UTF8Validator, _ traffic: inout DirectionTraffic
    ) -> ProtocolViolation? {
        traffic.payloadBytes &+= plain.count
        message.size &+= plain.count
        guard message.size <= settings.maxMessageSize else {
            return ProtocolViolation(
                closeCode: .messageTooBig,
                reason: "message inflates to \(message.size) bytes or more, limit \(settings.maxMessageSize)")
        }
        let ratio = settings.compression.maxRatio
        if ratio > 0, message.size > ratioFloor, message.size / ratio > message.arrived {
            return ProtocolViolation(
                closeCode: .messageTooBig,
                reason: "message inflates to more than \(ratio) times its size, limit \(ratio)")
        }
        if message.isText, settings.validateUTF8, !utf8.consume(plain, mask: nil, offset: 0) {
            return ProtocolViolation(closeCode: .invalidPayload, reason: "text message is not UTF-8")
        }
        return nil
    }
}
