import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A client that sees what is on the wire: it writes bytes or frames, and reads the handshake's answer as text
/// and every frame as it comes.
struct TestClient {
    struct HandshakeRefused: Error, Equatable {
        var head: String
    }

    typealias Wire = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Sends a GET with these header fields and returns the whole answer up to the end of the connection.
    static func refusal(port: Int, path: String, fields: [String] = []) async throws -> String {
        let wire = try await connect(port: port)
        return try await wire.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request(path: path, fields: fields)))
            var answer = ByteBuffer()
            for try await chunk in inbound { answer.writeImmutableBuffer(chunk) }
            return String(buffer: answer)
        }
    }

    /// Opens a WebSocket, runs `body` with it and closes the socket.
    static func open<R: Sendable>(
        port: Int, path: String, fields: [String] = [], receiveBuffer: Int32? = nil,
        _ body: (inout TestWebSocket) async throws -> R
    ) async throws -> R {
        let wire = try await connect(port: port, receiveBuffer: receiveBuffer)
        return try await wire.executeThenClose { inbound, outbound in
            let handshake = [
                "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ]
            try await outbound.write(ByteBuffer(string: request(path: path, fields: handshake + fields)))
            var socket = TestWebSocket(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            try await socket.readHead()
            guard socket.head.hasPrefix("HTTP/1.1 101 ") else { throw HandshakeRefused(head: socket.head) }
            return try await body(&socket)
        }
    }

    private static func request(path: String, fields: [String]) -> String {
        (["GET \(path) HTTP/1.1", "Host: localhost"] + fields + ["", ""]).joined(separator: "\r\n")
    }

    private static func connect(port: Int, receiveBuffer: Int32? = nil) async throws -> Wire {
        var bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        return try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture { try Wire(wrappingChannelSynchronously: channel) }
        }
    }
}

/// The frames of one connection.
struct TestWebSocket {
    struct Frame: Equatable, CustomStringConvertible {
        var opcode: UInt8
        var fin = true
        var payload: [UInt8]

        static func text(_ text: String) -> Frame { Frame(opcode: 1, payload: Array(text.utf8)) }
        static func binary(_ bytes: [UInt8]) -> Frame { Frame(opcode: 2, payload: bytes) }
        static func ping(_ text: String) -> Frame { Frame(opcode: 9, payload: Array(text.utf8)) }
        static func pong(_ text: String) -> Frame { Frame(opcode: 10, payload: Array(text.utf8)) }
        static func close(_ code: UInt16, _ reason: String = "") -> Frame {
            Frame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
        }

        var text: String { String(decoding: payload, as: UTF8.self) }
        /// The code of a Close.
        var code: UInt16? {
            opcode == 8 && payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
        }
        var description: String { "opcode \(opcode), fin \(fin), \(payload.count) bytes: \(text.prefix(80))" }
    }

    struct Ended: Error {}

    private(set) var head = ""
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var buffer = ByteBuffer()

    init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound
        self.outbound = outbound
    }

    mutating func readHead() async throws {
        while true {
            let text = String(buffer: buffer)
            if let end = text.range(of: "\r\n\r\n") {
                head = String(text[..<end.upperBound])
                buffer.moveReaderIndex(forwardBy: head.utf8.count)
                return
            }
            try await more()
        }
    }

    /// Writes the frame masked, as a client must (RFC 6455 §5.3).
    func send(_ frame: Frame) async throws {
        try await write(Self.bytes(frame, mask: [1, 2, 3, 4]))
    }

    func write(_ bytes: [UInt8]) async throws {
        try await outbound.write(ByteBuffer(bytes: bytes))
    }

    static func bytes(_ frame: Frame, mask: [UInt8]?) -> [UInt8] {
        var bytes = [frame.opcode | (frame.fin ? 0x80 : 0)]
        let masked: UInt8 = mask == nil ? 0 : 0x80
        switch frame.payload.count {
        case ...125: bytes.append(masked | UInt8(frame.payload.count))
        case ...0xFFFF: bytes += [masked | 126, UInt8(frame.payload.count >> 8), UInt8(frame.payload.count & 0xFF)]
        default:
            bytes.append(masked | 127)
            bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: frame.payload.count >> ($0 * 8)) }
        }
        guard let mask else { return bytes + frame.payload }
        return bytes + mask + frame.payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// The next frame. Throws `Ended` when the connection ends first.
    mutating func receive() async throws -> Frame {
        while true {
            if let frame = nextBuffered() { return frame }
            try await more()
        }
    }

    /// So many bytes as they are on the wire.
    mutating func receiveBytes(_ count: Int) async throws -> [UInt8] {
        while buffer.readableBytes < count { try await more() }
        return buffer.readBytes(length: count) ?? []
    }

    /// Waits for the end of the connection; a frame before it is an error.
    mutating func receiveEnd() async throws -> Bool {
        do {
            _ = try await receive()
            return false
        } catch is Ended {
            return true
        }
    }

    private mutating func nextBuffered() -> Frame? {
        var rest = buffer
        guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else {
            return nil
        }
        // A server's frame is never masked (RFC 6455 §5.1), so the length is the whole octet.
        var length = Int(second)
        if second == 126 {
            guard let long = rest.readInteger(as: UInt16.self) else { return nil }
            length = Int(long)
        } else if second == 127 {
            guard let long = rest.readInteger(as: UInt64.self) else { return nil }
            length = Int(long)
        }
        guard let payload = rest.readBytes(length: length) else { return nil }
        buffer = rest
        return Frame(opcode: first & 0x0F, fin: first & 0x80 != 0, payload: payload)
    }

    private mutating func more() async throws {
        guard let chunk = try await inbound.next() else { throw Ended() }
        buffer.writeImmutableBuffer(chunk)
    }
}
