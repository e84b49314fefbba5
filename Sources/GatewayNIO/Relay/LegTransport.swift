import GatewayTelemetry
import NIOCore

/// What carries one leg's frames in order, with backpressure: a TCP or TLS connection, or one HTTP/2 stream. A session
/// never knows which.
protocol LegTransport: AnyObject {
    /// Takes bytes; they may wait until `flush`.
    func write(_ bytes: ByteBuffer)
    /// Takes the last bytes there are.
    func writeClose(_ bytes: ByteBuffer)
    func flush()
    /// False from the high watermark on, until below the low one.
    var isWritable: Bool { get }
    /// Bytes that waiting bytes amount to, as far as it is known.
    var waitingBytes: Int { get }
    /// The connection that the leg shares with others; nil: it has its own.
    var sharedConnection: ConnectionSnapshot.Shared? { get }
    /// More input is wanted, once.
    func read()
    /// Ends the sending half behind what was written.
    func endWriting()
    /// Ends the sending half behind what was written, inside a frame that is never finished.
    func breakOff()
    /// Ends both halves now.
    func drop()
}

extension LegTransport {
    /// Where a connection is the leg's own, its peer cannot tell one end from the other.
    func breakOff() { endWriting() }
}
