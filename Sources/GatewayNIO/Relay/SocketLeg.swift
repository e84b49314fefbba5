import GatewaySession
import GatewayTelemetry
import NIOCore
import SocketTransport

/// A session's leg on a connection of its own, once it carries nothing but frames: no pipeline, no handler, no promise
/// stands between the socket and the session.
///
/// Its socket has precedence from the first message on, in either direction, and no longer once a Close has been read.
/// Those that open and close at once, one after another, never get it, and hold up no messages of others.
final class SocketLeg: LegTransport, StreamSocketDelegate {
    private let leg: Leg
    private let driver: SessionDriver
    private let socket: StreamSocket
    private var sawEnd = false

    /// Takes the socket over. The first read is asked for when the session has begun.
    init(_ leg: Leg, on socket: StreamSocket, driver: SessionDriver) {
        self.leg = leg
        self.driver = driver
        self.socket = socket
        socket.stopReading()
        socket.delegate = self
        driver.attach(self, as: leg)
        driver.oweRead(leg)
    }

    // MARK: What the socket tells

    func socket(_ socket: StreamSocket, received bytes: ByteBuffer) { driver.read(bytes, from: leg) }

    func socketSecured(_ socket: StreamSocket, applicationProtocol: String?) {}

    func socketReadComplete(_ socket: StreamSocket) {
        driver.readComplete()
        socket.hasPrecedence = !driver.isEnding
        if driver.mayRead(leg) { socket.read() }
    }

    func socketInputEnded(_ socket: StreamSocket) {
        sawEnd = true
        driver.ended(leg)
    }

    func socketWritabilityChanged(_ socket: StreamSocket) {
        driver.writabilityChanged(leg, isWritable: socket.isWritable)
    }

    func socketDrained(_ socket: StreamSocket) {}
    func socketOutputEnded(_ socket: StreamSocket) {}

    func socketClosed(_ socket: StreamSocket, error: (any Error)?) {
        // An orderly end has been seen as such. Without one it was reset, even where a write was the first to fail.
        driver.closed(leg, inOrder: sawEnd)
    }

    // MARK: LegTransport

    func write(_ bytes: ByteBuffer) {
        socket.hasPrecedence = true
        socket.write(bytes)
    }

    func writeClose(_ bytes: ByteBuffer) { socket.write(bytes) }
    func flush() { socket.flush() }
    var isWritable: Bool { socket.isWritable }
    var waitingBytes: Int { socket.bufferedBytes }
    var sharedConnection: ConnectionSnapshot.Shared? { nil }
    func read() { socket.read() }
    func endWriting() { socket.endOutput() }
    func drop() { socket.close() }
}
