import GatewaySession
import GatewayTelemetry

extension RouteCounters {
    func count(fromClient traffic: PassedTraffic) {
        messagesFromClientText.add(UInt64(traffic.textMessages))
        messagesFromClientBinary.add(UInt64(traffic.binaryMessages))
        bytesFromClient.add(UInt64(traffic.payloadBytes))
    }

    func count(fromServer traffic: PassedTraffic) {
        messagesToClientText.add(UInt64(traffic.textMessages))
        messagesToClientBinary.add(UInt64(traffic.binaryMessages))
        bytesToClient.add(UInt64(traffic.payloadBytes))
    }

    func count(fromClient traffic: DirectionTraffic) {
        guard !traffic.isEmpty else { return }
        messagesFromClientText.add(UInt64(traffic.textMessages))
        messagesFromClientBinary.add(UInt64(traffic.binaryMessages))
        bytesFromClient.add(UInt64(traffic.payloadBytes))
        countCompression(traffic)
    }

    func count(fromServer traffic: DirectionTraffic) {
        guard !traffic.isEmpty else { return }
        messagesToClientText.add(UInt64(traffic.textMessages))
        messagesToClientBinary.add(UInt64(traffic.binaryMessages))
        bytesToClient.add(UInt64(traffic.payloadBytes))
        countCompression(traffic)
    }

    private func countCompression(_ traffic: DirectionTraffic) {
        if traffic.messagesDeflated > 0 {
            messagesCompressed.add(UInt64(traffic.messagesDeflated))
            compressionBytesBefore.add(UInt64(traffic.deflatedFrom))
            compressionBytesAfter.add(UInt64(traffic.deflatedTo))
        }
        if traffic.messagesInflated > 0 {
            messagesInflated.add(UInt64(traffic.messagesInflated))
            inflatedBytesBefore.add(UInt64(traffic.inflatedFrom))
            inflatedBytesAfter.add(UInt64(traffic.inflatedTo))
        }
    }
}
