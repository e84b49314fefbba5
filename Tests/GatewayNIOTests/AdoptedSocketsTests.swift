import Foundation
import GatewayConfig
import NIOCore
import Testing

@testable import GatewayNIO

@Suite("Sockets that another process has opened")
final class AdoptedSocketsTests {
    private let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-adopted-\(UUID().uuidString).sock").path

    deinit { unlink(path) }

    private func error(_ descriptors: [CInt], _ address: Address) -> AdoptionError? {
        do {
            try ListeningDescriptors(adopting: descriptors, address: address, ownsFile: true).close()
            return nil
        } catch {
            return error as? AdoptionError
        }
    }

    /// Which socket or file it is: another test may have got the number of a descriptor meanwhile.
    private func identity(_ descriptor: CInt) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
    }

    @Test("they listen on where the old ones did, and more are opened up to the number of loops")
    func tcp() throws {
        let old = try ListeningDescriptors.open(.tcp(host: "127.0.0.1", port: 0), count: 2, backlog: 64)
        let copies = try old.duplicates()
        // Neither is kept from children or non-blocking as it comes from elsewhere.
        for copy in copies { _ = fcntl(copy, F_SETFD, 0) }
        _ = fcntl(copies[0], F_SETFL, 0)
        let new = try ListeningDescriptors(
            adopting: copies, address: .tcp(host: "localhost", port: 0), count: 3, backlog: 64, ownsFile: true)
        defer { new.close() }
        #expect("\(new.boundAddress)" == "\(old.boundAddress)".replacingOccurrences(of: "127.0.0.1", with: "localhost"))
        #expect(new.count == 3)
        for copy in copies {
            #expect(fcntl(copy, F_GETFD, 0) & FD_CLOEXEC != 0)
            #expect(fcntl(copy, F_GETFL, 0) & O_NONBLOCK != 0)
        }
        old.close()
        let address = try #require(try SocketCall.address(of: copies[0]))
        SocketCall.close([try ListeningDescriptorsTests.connect(to: address)])
    }

    @Test("more than there are loops are all kept, and none is added where they can't be shared")
    func counts() throws {
        let many = try ListeningDescriptors.open(.tcp(host: "127.0.0.1", port: 0), count: 3, backlog: 64)
        defer { many.close() }
        let kept = try ListeningDescriptors(
            adopting: many.duplicates(), address: many.boundAddress, count: 1, backlog: 64, ownsFile: true)
        #expect(kept.count == 3)
        kept.close()

        let single = try SocketCall.make(family: AF_INET)
        try SocketCall.bind(single, to: try SocketAddress(ipAddress: "127.0.0.1", port: 0))
        #expect(listen(single, 8) == 0)
        let alone = try ListeningDescriptors(
            adopting: [single], address: .tcp(host: "127.0.0.1", port: 0), count: 4, backlog: 64, ownsFile: true)
        #expect(alone.count == 1)
        let before = identity(single)
        alone.close()
        #expect(identity(single) != before)
    }

    @Test("a connection that waits outlives the closing of the old ones")
    func backlog() throws {
        let old = try ListeningDescriptors.open(.tcp(host: "127.0.0.1", port: 0), count: 1, backlog: 64)
        let copies = try old.duplicates()
        let address = try #require(try SocketCall.address(of: copies[0]))
        let clients = try (0..<10).map { _ in try ListeningDescriptorsTests.connect(to: address) }
        defer { SocketCall.close(clients) }
        let new = try ListeningDescriptors(adopting: copies, address: old.address, ownsFile: true)
        defer { new.close() }
        old.close()
        #expect(ListeningDescriptorsTests.acceptAll(copies[0]) == 10)
    }

    @Test("a unix socket's file changes hands")
    func unix() throws {
        let old = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8)
        let new = try ListeningDescriptors(
            adopting: old.duplicates(), address: .unix(path: path), count: 4, backlog: 8, ownsFile: true)
        #expect(new.count == 1)
        old.giveFileAway()
        old.close()
        SocketCall.close([
            try ListeningDescriptorsTests.connect(to: try SocketAddress(unixDomainSocketPath: path))
        ])
        new.close()
        #expect(ListeningDescriptorsTests.mode(path) == nil)
    }

    @Test("the file of whoever started the gateway stays")
    func foreignFile() throws {
        let starter = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8)
        defer { starter.close() }
        let gateway = try ListeningDescriptors(
            adopting: starter.duplicates(), address: .unix(path: path), ownsFile: false)
        gateway.close()
        #expect(ListeningDescriptorsTests.mode(path) != nil)
    }

    @Test("a unix socket that nobody can reach any more is refused")
    func unreachable() throws {
        let old = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8)
        defer { old.close() }
        unlink(path)
        #expect(error(try old.duplicates(), .unix(path: path)) == .fileIsGone(path))
    }

    @Test("sockets of another address are refused and closed")
    func otherAddress() throws {
        let old = try ListeningDescriptors.open(.tcp(host: "127.0.0.1", port: 0), count: 1, backlog: 8)
        let other = try ListeningDescriptors.open(.tcp(host: "127.0.0.1", port: 0), count: 1, backlog: 8)
        let unix = try ListeningDescriptors.open(.unix(path: path), count: 1, backlog: 8)
        defer { for listening in [old, other, unix] { listening.close() } }
        let found = "\(old.boundAddress)"
        for address in [other.boundAddress, .tcp(host: "0.0.0.0", port: 0), .tcp(host: "::1", port: 0), unix.address] {
            let copies = try old.duplicates()
            let before = identity(copies[0])
            #expect(error(copies, address) == .other(expected: "\(address)", found: found))
            #expect(identity(copies[0]) != before)
        }
        #expect(
            error(try unix.duplicates(), old.boundAddress) == .other(expected: found, found: "\(unix.address)"))
        let mixed = try old.duplicates() + other.duplicates()
        #expect(
            error(mixed, .tcp(host: "127.0.0.1", port: 0))
                == .other(expected: "127.0.0.1:0", found: "\(other.boundAddress)"))
    }

    @Test("what does not listen is refused")
    func notListening() throws {
        let address = Address.tcp(host: "127.0.0.1", port: 0)
        #expect(error([], address) == .none(of: "127.0.0.1:0"))
        let file = Foundation.open("/dev/null", O_RDONLY)
        #expect(error([file], address) == .notListening(file, "is not a socket"))
        let datagrams = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        #expect(error([datagrams], address) == .notListening(datagrams, "is not a stream socket"))
        let bound = try SocketCall.make(family: AF_INET)
        try SocketCall.bind(bound, to: try SocketAddress(ipAddress: "127.0.0.1", port: 0))
        #expect(error([bound], address) == .notListening(bound, "is a socket that does not listen"))
    }
}
