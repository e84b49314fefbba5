import NIOCore

@testable import HTTP2Core

/// Two connections, joined by two wires and a clock of their own.
final class SimulatedLink {
    let client: SimulatedEnd
    let server: SimulatedEnd
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private(set) var toServer = SimulatedWire()
    private(set) var toClient = SimulatedWire()
    /// Bytes on the way from which on a transport takes no more.
    private let capacity: Int
    let largestWrite: Int
    private var faults: [String] = []

    init(maxStreams: Int = 100, capacity: Int = 65_536, largestWrite: Int = 30_000) {
        client = SimulatedEnd(.client, maxStreams: 0)
        server = SimulatedEnd(.server, maxStreams: maxStreams)
        self.capacity = capacity
        self.largestWrite = largestWrite
    }

    var ends: [SimulatedEnd] { [client, server] }
    var problems: [String] { faults + client.problems + server.problems + toServer.problems + toClient.problems }

    func advance(by time: TimeAmount) { now = now + time }

    /// Has a side's transport take what it has room for.
    func flush(_ end: SimulatedEnd) {
        while wire(from: end).count < capacity, let output = end.connection.takeOutput() {
            if output.readableBytes > HTTP2Connection.outputLimit + 50_000 {
                faults.append("\(output.readableBytes) bytes of output at once")
            }
            if end === client { toServer.take(output) } else { toClient.take(output) }
            end.handleEvents(now: now)
        }
    }

    private func wire(from end: SimulatedEnd) -> SimulatedWire { end === client ? toServer : toClient }

    /// Hands on that much of what a side has sent.
    func deliver(from end: SimulatedEnd, _ count: Int) {
        let arrived = end === client ? toServer.hand(on: count) : toClient.hand(on: count)
        for frame in arrived.grants {
            if end === client { toClient.grant(frame) } else { toServer.grant(frame) }
        }
        let other = end === client ? server : client
        if arrived.bytes.readableBytes > 0 { other.receive(arrived.bytes, now: now) }
        for end in ends { faults += end.excess(largestWrite: largestWrite) }
    }

    /// Until nothing is on its way, and nobody has more to send.
    func settle(_ size: Int = 20_000) {
        for _ in 0..<1_000_000 {
            for end in ends {
                flush(end)
                deliver(from: end, size)
            }
            if toServer.count == 0, toClient.count == 0, !ends.contains(where: \.connection.hasOutput) { return }
        }
        faults.append("it never comes to rest")
    }
}
