import Crypto
import Foundation
import GatewayConfig
import NIOCore
import NIOEmbedded
import NIOSSL
import SwiftASN1
import Testing
import X509

@testable import GatewayNIO

/// The rest is in Tests/Integration/test_words.py, with failures of real sockets and servers.
@Suite("Failures in an operator's words")
struct FailureTextTests {
    private struct Foreign: Error {
        let path = "/build/secret"
    }

    @Test(
        "why an address can't be listened on",
        arguments: [
            (
                EADDRINUSE, "0.0.0.0:8443",
                "the address is in use; ss -ltnp 'sport = :8443' shows the process: stop it, or choose another port"
            ),
            (
                EACCES, "0.0.0.0:8443",
                "permission denied; a security module such as SELinux may keep the process from this port"
            ),
            (EAFNOSUPPORT, "[::]:80", "this machine has no IPv6; turn it on, or use an IPv4 address"),
            (
                EADDRNOTAVAIL, "[fd00::1]:80",
                "no interface of this machine has the address; ip address shows its addresses (if the address comes later, run"
                    + " sysctl net.ipv6.ip_nonlocal_bind=1)"
            ),
            (
                EINVAL, "[fe80::1]:80",
                "a link-local address belongs to one interface; use another address of this machine"
            ),
            (
                EMFILE, "0.0.0.0:80",
                "the process has no file descriptor left; raise its limit (ulimit -n, or LimitNOFILE= of a systemd unit)"
            ),
            (
                EROFS, "unix:/usr/s",
                "the file system of /usr is read-only; choose a path below /run (RuntimeDirectory= in a systemd unit makes"
                    + " one)"
            ),
            (
                ENOTDIR, "unix:/etc/passwd/s",
                "/etc/passwd is not a folder, or a part of its path is not; correct the path"
            ),
            (ENOENT, "unix:/s", "the folder / does not exist; create it (RuntimeDirectory= in a systemd unit does so)"),
            // Without words of its own.
            (ELOOP, "unix:/a/s", "Too many levels of symbolic links"),
        ] as [(CInt, String, String)])
    func listening(code: CInt, address: String, expected: String) throws {
        #expect(
            ListenFailure.text(for: IOError(errnoCode: code, reason: "bind"), address: try parse(address)) == expected)
    }

    private func parse(_ text: String) throws -> Address {
        if let path = text.split(separator: "unix:").first, text.hasPrefix("unix:") { return .unix(path: String(path)) }
        let colon = try #require(text.lastIndex(of: ":"))
        let host = text[..<colon].trimmingCharacters(in: ["[", "]"])
        return .tcp(host: host, port: try #require(Int(text[text.index(after: colon)...])))
    }

    @Test("a path that is too long is counted")
    func tooLong() throws {
        let path = "/run/" + String(repeating: "s", count: 115)
        let error = #expect(throws: SocketAddressError.self) { try SocketAddress(unixDomainSocketPath: path) }
        #expect(
            ListenFailure.text(for: try #require(error), address: .unix(path: path))
                == "the path has 120 bytes, limit 107 for a unix socket; choose a shorter one")
    }

    @Test("what no words are known for says nothing of types and paths")
    func unknown() {
        #expect(ListenFailure.text(for: Foreign(), address: .tcp(host: "a", port: 1)) == "the system refused")
        #expect(ConnectFailure.text(for: Foreign()) == "the connection failed")
    }

    @Test(
        "why a server can't be connected to",
        arguments: [
            (
                EHOSTUNREACH,
                "the host can't be reached; it is down, or a router or firewall on the way rejects the connection"
            ),
            (ENETUNREACH, "this machine has no route to the network of the server; ip route shows its routes"),
            (ETIMEDOUT, "the host does not answer; it is down, or a firewall drops the packets"),
            (
                EADDRNOTAVAIL,
                "connections to this server use every local port; widen net.ipv4.ip_local_port_range with sysctl, add a"
                    + " server or addresses to source, or use protocol: h2"
            ),
            (
                ENFILE,
                "the system has no file descriptor left; raise fs.file-max with sysctl, or stop a process that has many open"
            ),
            (EAGAIN, "the queue of the unix socket is full; the server does not accept connections fast enough"),
            (ENOTCONN, "Transport endpoint is not connected"),
        ] as [(CInt, String)])
    func connecting(code: CInt, expected: String) {
        #expect(ConnectFailure.text(for: IOError(errnoCode: code, reason: "connect")) == expected)
    }

    @Test(
        "a timeout is told as it was set",
        arguments: [(TimeAmount.seconds(2), "2s"), (.milliseconds(250), "250ms"), (.milliseconds(1500), "1500ms")])
    func timeout(timeout: TimeAmount, shown: String) {
        #expect(
            ConnectFailure.text(for: ChannelError.connectTimeout(timeout)).hasPrefix(
                "the server did not accept the connection within \(shown) (connect_timeout); "))
    }
}
