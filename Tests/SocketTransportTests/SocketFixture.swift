import NIOCore
import Testing

@testable import GatewayTLS
@testable import SocketTransport

/// A suite about stream sockets of a loop that it drives.
protocol SocketFixture {
    var loop: DrivenLoop { get }
    /// Of the socket in question.
    var diary: SocketDiary { get }
}

extension SocketFixture {
    /// A socket that is open, and its peer.
    func joined() throws -> (StreamSocket, RawPeer) {
        let (socket, peer) = try RawPeer.joined(to: loop.loop)
        socket.delegate = diary
        try socket.open()
        return (socket, peer)
    }
}

/// The same over TLS.
protocol TLSSocketFixture: SocketFixture {
    var site: TLSSite { get }
}

extension TLSSocketFixture {
    /// A socket that serves, and a client of it that has begun.
    func served(_ site: TLSSite? = nil) throws -> (StreamSocket, TLSPeer) {
        let (socket, raw) = try joined()
        socket.startTLS(server: (site ?? self.site).server)
        return (socket, try TLSPeer(client: site ?? self.site, raw))
    }

    func shakeHands(_ socket: StreamSocket, _ peer: TLSPeer) {
        loop.turns {
            peer.pump()
            return !socket.isHandshaking && !peer.connection.isHandshaking
        }
        // The tickets.
        peer.pump()
    }
}
