import GatewaySession

/// What went one way over a whole session.
struct DirectionTotals {
    var messages = 0
    var bytes = 0

    mutating func add(_ traffic: PassedTraffic) {
        messages &+= Int(traffic.textMessages) &+ Int(traffic.binaryMessages)
        bytes &+= traffic.payloadBytes
    }

    mutating func add(_ traffic: DirectionTraffic) {
        messages &+= traffic.textMessages &+ traffic.binaryMessages
        bytes &+= traffic.payloadBytes
    }
}
