public import GatewayConfig
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why an address can't be listened on, in an operator's words.
///
/// Each text goes behind "can't listen on ADDRESS: ", so it doesn't name the address again.
public enum ListenFailure {
    /// One sentence with the remedy where there is one. No text of NIO or of the build is in it.
    ///
    /// - Parameters:
    ///   - error: of a bind, or of the TLS files of the listener.
    ///   - address: what was asked for.
    public static func text(for error: any Error, address: Address) -> String {
        switch error {
        case is NameLookupError: return noAddress(address)
        case let error as any WordedError: return error.description
        case let error as IOError: return text(code: error.errnoCode, address: address)
        case SocketAddressError.unixDomainSocketPathTooLong:
            return tooLong(address)
        case let error as SocketAddressError.UnknownHost:
            return noAddress(.tcp(host: error.host, port: 0))
        default: return "the system refused"
        }
    }

    /// Why it has none is of no use here: nobody waits for a listener's name.
    private static func noAddress(_ address: Address) -> String {
        guard case .tcp(let host, _) = address else { return "it has no address" }
        return "the name \(host) has no address; add it to DNS or /etc/hosts, or write an IP address"
    }

    /// Why no connection can be accepted for now: what this machine is short of.
    public static func text(forAccept error: any Error) -> String {
        guard let code = (error as? IOError)?.errnoCode else { return "the system refused" }
        // epoll_ctl(2): nothing else about accepting has it.
        if code == ENOSPC {
            return "the user has reached the limit of watched descriptors; raise fs.epoll.max_user_watches with sysctl"
        }
        return SystemErrorText.shortage(code) ?? SystemErrorText.words(code)
    }

    static func text(code: CInt, address: Address) -> String {
        if let shortage = SystemErrorText.shortage(code) { return shortage }
        return switch address {
        case .tcp(let host, let port): text(code: code, host: host, port: port)
        case .unix(let path): text(code: code, path: path)
        }
    }

    private static func text(code: CInt, host: String, port: Int) -> String {
        let isIPv6 = host.contains(":")
        switch code {
        case EADDRINUSE:
            return
                "the address is in use; ss -ltnp 'sport = :\(port)' shows the process: stop it, or choose another port"
        case EACCES, EPERM:
            guard (1..<1024).contains(port) else {
                return "permission denied; a security module such as SELinux may keep the process from this port"
            }
            return "permission denied, because ports below 1024 are privileged; give the process CAP_NET_BIND_SERVICE"
                + " (AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit),"
                + " or run sysctl net.ipv4.ip_unprivileged_port_start=\(port)"
        case EADDRNOTAVAIL:
            return "no interface of this machine has the address; ip address shows its addresses"
                + " (if the address comes later, run sysctl net.\(isIPv6 ? "ipv6" : "ipv4").ip_nonlocal_bind=1)"
        case EAFNOSUPPORT:
            return SystemErrorText.noFamily(isIPv6: isIPv6)
        case EINVAL where host.lowercased().hasPrefix("fe80:"):
            return "a link-local address belongs to one interface; use another address of this machine"
        default:
            return SystemErrorText.words(code)
        }
    }

    private static func text(code: CInt, path: String) -> String {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let folder = slash == path.startIndex ? "/" : String(path[..<slash])
        switch code {
        case EADDRINUSE:
            return
                "address in use; another process listens there: stop it, take over from it (run --takeover), or choose"
                + " another path"
        case ENOENT:
            return "the folder \(folder) does not exist; create it (RuntimeDirectory= in a systemd unit does so)"
        case ENOTDIR:
            return "\(folder) is not a folder, or a part of its path is not; correct the path"
        case EACCES, EPERM:
            return "permission denied; the process needs write permission for the folder \(folder),"
                + " and search permission for the folders above it"
        case EROFS:
            return "the file system of \(folder) is read-only; choose a path below /run"
                + " (RuntimeDirectory= in a systemd unit makes one)"
        case ENOSPC, EDQUOT:
            return "no space is left on the file system of \(folder)"
        case ENAMETOOLONG:
            return tooLong(.unix(path: path))
        default:
            return SystemErrorText.words(code)
        }
    }

    private static func tooLong(_ address: Address) -> String {
        guard case .unix(let path) = address else { return "the path is too long for a unix socket" }
        return "the path has \(path.utf8.count) bytes, limit 107 for a unix socket; choose a shorter one"
    }
}
