import Testing

@testable import SocketTransport

@Suite("The file descriptors that are kept for clients")
struct DescriptorReserveTests {
    @Test(
        "a sixteenth of the limit, at most 64",
        arguments: [
            (0, 0), (15, 15), (16, 15), (300, 282), (1024, 960), (4096, 4032), (1_048_576, 1_048_512),
            (UInt64.max, CInt.max),
        ] as [(UInt64, CInt)])
    func size(limit: UInt64, first: CInt) {
        let reserve = DescriptorReserve(limit: limit)
        #expect(reserve.first == first)
        #expect(reserve.contains(first))
        #expect(!reserve.contains(first - 1))
    }

    @Test("a socket knows whether it has one of them")
    func socket() throws {
        let driven = try DrivenLoop()
        let (socket, _) = try RawPeer.joined(to: driven.loop)
        let channel = SocketChannel(socket)
        driven.loop.reserve = DescriptorReserve(first: socket.descriptor)
        #expect(socket.usesReserve)
        #expect(channel.usesReserve)
        driven.loop.reserve = DescriptorReserve(first: socket.descriptor + 1)
        #expect(!socket.usesReserve)
        #expect(!channel.usesReserve)
    }
}
