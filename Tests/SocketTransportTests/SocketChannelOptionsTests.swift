import Foundation
import NIOCore
import Testing

@testable import SocketTransport

@Suite("The options of a channel")
struct SocketChannelOptionsTests {
    private let loop: DrivenLoop

    init() throws { loop = try DrivenLoop() }

    @Test("watermarks, what waits and options of the socket are set and read; others are refused")
    func options() throws {
        let (socket, _) = try RawPeer.connected(to: loop.loop)
        let channel = SocketChannel(socket)
        try channel.activate()
        let options = try #require(channel.syncOptions)
        #expect(try options.getOption(.autoRead))
        try options.setOption(.writeBufferWaterMark, value: .init(low: 3, high: 9))
        let marks = try options.getOption(.writeBufferWaterMark)
        #expect(marks.low == 3 && marks.high == 9)
        channel.pipeline.syncOperations.write(NIOAny(ByteBuffer(string: "0123456789")), promise: nil)
        #expect(!channel.isWritable)
        #expect(try options.getOption(.bufferedWritableBytes) == 10)
        try options.setOption(.socketOption(.so_keepalive), value: 1)
        #expect(try SystemCall.option(socket.descriptor, level: SOL_SOCKET, name: SO_KEEPALIVE) == 1)
        #expect(throws: ChannelError.self) { try options.setOption(.maxMessagesPerRead, value: 3) }
        #expect(throws: ChannelError.self) { try options.getOption(.maxMessagesPerRead) }
        channel.pipeline.syncOperations.close(promise: nil)
        #expect(throws: ChannelError.self) { try options.getOption(.autoRead) }
        #expect(throws: ChannelError.self) { try options.setOption(.autoRead, value: false) }
    }

    @Test("futures of options are completed on the loop")
    func futures() throws {
        let (socket, _) = try RawPeer.joined(to: loop.loop)
        let channel = SocketChannel(socket)
        try channel.activate()
        let found = NIOLoopBoundBox<[Bool]>([], eventLoop: loop.loop)
        channel.setOption(.autoRead, value: false).whenSuccess { found.value.append(true) }
        channel.getOption(.autoRead).whenSuccess { found.value.append($0) }
        loop.settle()
        #expect(found.value == [true, false])
        channel.pipeline.syncOperations.close(promise: nil)
    }
}
