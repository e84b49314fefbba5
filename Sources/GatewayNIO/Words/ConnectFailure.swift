import NIOCore
import SocketTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a server can't be connected to, or a connection to it broke, in an operator's words.
///
/// The log line has the upstream and the server beside the text, so it doesn't name them again.
public enum ConnectFailure {
    /// One sentence with the remedy where there is one. No text of NIO or of the build is in it.
    public static func text(for error: any Error) -> String {
        switch error {
        case let error as any WordedError: error.description
        case let error as IOError: text(code: error.errnoCode)
        case ChannelError.connectTimeout(let timeout):
            "the server did not accept the connection within \(seconds(timeout)) (connect_timeout); the host is down, or a"
                + " firewall drops the packets"
        case is ChannelError: "the connection was closed"
        case is CancellationError: "the client no longer waits for it"
        case let error as SocketAddressError.UnknownHost: "the name \(error.host) has no address"
        case is UncleanTLSEnd: "the server ended the connection without TLS's close_notify"
        default: "the connection failed"
        }
    }

    static func text(code: CInt) -> String {
        if let shortage = SystemErrorText.shortage(code) { return shortage }
        return switch code {
        case ECONNREFUSED:
            "connection refused; nothing listens there: start the server, or correct its address"
        case EHOSTUNREACH, EHOSTDOWN:
            "the host can't be reached; it is down, or a router or firewall on the way rejects the connection"
        case ENETUNREACH, ENETDOWN:
            "this machine has no route to the network of the server; ip route shows its routes"
        case ETIMEDOUT:
            "the host does not answer; it is down, or a firewall drops the packets"
        case ECONNRESET, EPIPE, ECONNABORTED:
            "the connection was reset by the server, or by something in between"
        case EADDRNOTAVAIL:
            "connections to this server use every local port; widen net.ipv4.ip_local_port_range with sysctl,"
                + " add a server or addresses to source, or use protocol: h2"
        case EACCES, EPERM:
            "permission denied; a unix socket must be writable for the process; over TCP a firewall or a route of"
                + " this machine forbids the connection"
        case ENOENT, ENOTDIR:
            "there is no such unix socket; start the server, or correct its address"
        case EAGAIN:
            "the queue of the unix socket is full; the server does not accept connections fast enough"
        case EPROTOTYPE:
            "the unix socket is not a stream socket; correct the server's address"
        case EAFNOSUPPORT:
            SystemErrorText.noFamily(isIPv6: true)
        default:
            SystemErrorText.words(code)
        }
    }

    private static func seconds(_ amount: TimeAmount) -> String {
        let milliseconds = amount.nanoseconds / 1_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }
}
