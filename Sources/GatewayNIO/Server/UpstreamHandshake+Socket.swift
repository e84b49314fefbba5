import GatewaySession
import NIOCore
import SocketTransport

// The handshake straight on a socket: a pipeline of its own would cost each connection more than all that is asked and
// answered on it.
extension UpstreamHandshake: StreamSocketDelegate {
    /// Takes a socket that is open, and in TLS where it is to be.
    func begin(on socket: StreamSocket) {
        self.socket = socket
        gate.reader = self
        socket.noticesEnd = true
        socket.delegate = self
        read(socket)
        connected(on: socket.loop)
    }

    private func read(_ socket: StreamSocket) {
        if mayRead { socket.read() } else { owesRead = true }
    }

    func socketSecured(_ socket: StreamSocket, applicationProtocol: String?) { send(on: socket.loop) }

    func socket(_ socket: StreamSocket, received bytes: ByteBuffer) {
        // What stands behind the answer may wait, and is not to hold the memory that all sockets read into.
        gate.receive(ByteBuffer(bytes: bytes.readableBytesView))
    }

    func socketReadComplete(_ socket: StreamSocket) { read(socket) }

    func socketInputEnded(_ socket: StreamSocket) {
        if socket.lacksCloseNotify { failed(UncleanTLSEnd()) }
        if socket.isOpen { ended(nil) }
    }

    func socketWritabilityChanged(_ socket: StreamSocket) {}
    func socketDrained(_ socket: StreamSocket) {}
    func socketOutputEnded(_ socket: StreamSocket) {}

    func socketClosed(_ socket: StreamSocket, error: (any Error)?) {
        self.socket = nil
        if let error { failed(error) }
        ended(lastError)
        left()
    }

    /// Puts the gate and this handshake into a channel, so that a parser can stand between them. Does nothing where they
    /// are in one.
    func joinChannel() throws {
        guard let socket = self.socket.take() else { return }
        let channel = SocketChannel(socket)
        let pipeline = channel.pipeline.syncOperations
        do {
            try pipeline.addHandler(gate)
            try pipeline.addHandler(self)
            try channel.activate()
        } catch {
            socket.close()
            ended(error)
            left()
            throw error
        }
    }

    /// Makes the session's leg of the socket.
    func relay(_ socket: StreamSocket, with driver: SessionDriver) {
        socket.delegate = nil
        socket.noticesEnd = false
        left()
        begin(socket, driver, gate.leave())
    }

    /// - Parameter rest: what has come behind the answer.
    func begin(_ socket: StreamSocket, _ driver: SessionDriver, _ rest: ByteBuffer?) {
        _ = SocketLeg(.server, on: socket, driver: driver)
        if let rest { driver.read(rest, from: .server) }
    }
}
