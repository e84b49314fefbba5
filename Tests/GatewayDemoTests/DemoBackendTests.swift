import NIOCore
import NIOPosix
import Testing

@testable import GatewayDemo

@Suite("The demo's backend", .timeLimit(.minutes(1)))
struct DemoBackendTests {
    private func withBackend<R: Sendable>(_ body: (Int) async throws -> R) async throws -> R {
        let backend = try await DemoBackend.start(group: .singletonMultiThreadedEventLoopGroup)
        do {
            let result = try await body(backend.port)
            try await backend.stop()
            return result
        } catch {
            try await backend.stop()
            throw error
        }
    }

    @Test("the opening handshake is answered with the Accept of RFC 6455 §1.3 and no extension")
    func handshake() async throws {
        try await withBackend { port in
            let offer = ["Sec-WebSocket-Extensions: permessage-deflate"]
            try await TestClient.open(port: port, path: "/echo?x=1", fields: offer) { socket in
                #expect(socket.head.lowercased().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"))
                #expect(!socket.head.lowercased().contains("sec-websocket-extensions"))
                #expect(!socket.head.lowercased().contains("sec-websocket-protocol"))
            }
        }
    }

    @Test("the subprotocol it knows is chosen among those offered")
    func subprotocol() async throws {
        try await withBackend { port in
            let offer = ["Sec-WebSocket-Protocol: other, sluice-demo"]
            try await TestClient.open(port: port, path: "/chat", fields: offer) { socket in
                #expect(socket.head.lowercased().contains("sec-websocket-protocol: sluice-demo\r\n"))
            }
        }
    }

    @Test(
        "a message comes back as it was",
        arguments: [
            .text(""), .text("Hello"), .text("κόσμε 🌍"), .binary([]), .binary([0, 255, 128]),
            .binary(Array(repeating: 7, count: 126)), .binary(Array(repeating: 8, count: 65_536)),
            .binary(Array(repeating: 9, count: 1_000_000)),
        ] as [TestWebSocket.Frame])
    func echo(message: TestWebSocket.Frame) async throws {
        try await withBackend { port in
            try await TestClient.open(port: port, path: "/echo") { socket in
                try await socket.send(message)
                #expect(try await socket.receive() == message)
            }
        }
    }

    @Test("each server says first which one it is, and then echoes")
    func numbers() async throws {
        let backends = try await DemoBackend.start(2, group: .singletonMultiThreadedEventLoopGroup)
        for (index, backend) in backends.enumerated() {
            try await TestClient.open(port: backend.port, path: "/server") { socket in
                #expect(try await socket.receive() == .text("{\"server\":\(index + 1)}"))
                try await socket.send(.text("still there?"))
                #expect(try await socket.receive() == .text("still there?"))
            }
            try await backend.stop()
        }
    }

    @Test(
        "it breaks the rule of the path when the first message comes",
        arguments: [
            ("/fault/text", [0x81, 0x02, 0xC3, 0x28]),
            ("/fault/frame", TestWebSocket.bytes(.text("masked"), mask: [1, 2, 3, 4])),
            ("/fault/end", [0x01, 0x12] + Array("only the beginning".utf8)),
        ] as [(String, [UInt8])])
    func faults(path: String, bytes: [UInt8]) async throws {
        try await withBackend { port in
            try await TestClient.open(port: port, path: path) { socket in
                try await socket.send(.text("now"))
                #expect(try await socket.receiveBytes(bytes.count) == bytes)
                // One that only ends TCP has nothing more to say; the others wait for the Close.
                if path != "/fault/end" { try await socket.send(.close(1002)) }
                #expect(try await socket.receiveEnd())
            }
        }
    }

    @Test("every path that it tells those who ask for another is one of its own")
    func paths() async throws {
        let endpoints = BackendEndpoints(room: ChatRoom(limits: .init()), number: 1)
        for path in BackendEndpoints.paths { #expect(endpoints.endpoint(at: path) != nil, "\(path)") }
        #expect(endpoints.endpoint(at: "/fault/") == nil)
        try await withBackend { port in
            let answer = try await TestClient.refusal(port: port, path: "/other")
            #expect(answer.hasSuffix("/echo, /chat, /server, /fault/text, /fault/frame, /fault/end\n"))
        }
    }

    @Test("a fragmented message comes back whole, and a ping between its fragments is answered first")
    func fragments() async throws {
        try await withBackend { port in
            try await TestClient.open(port: port, path: "/echo") { socket in
                try await socket.send(.init(opcode: 1, fin: false, payload: [0xCE]))
                try await socket.send(.ping("mid"))
                try await socket.send(.init(opcode: 0, fin: false, payload: []))
                try await socket.send(.init(opcode: 0, fin: true, payload: [0xBA]))
                #expect(try await socket.receive() == .pong("mid"))
                #expect(try await socket.receive() == .text("κ"))
            }
        }
    }

    @Test(
        "a Close is answered with its code, and the server ends TCP first",
        arguments: [
            (TestWebSocket.Frame.close(1000, "bye"), TestWebSocket.Frame.close(1000)),
            (.close(4321), .close(4321)), (.init(opcode: 8, payload: []), .init(opcode: 8, payload: [])),
            (.close(1005), .close(1002, "bad close code")),
            (.init(opcode: 8, payload: [3]), .close(1002, "bad close code")),
            (.init(opcode: 8, payload: [3, 232, 0xFF]), .close(1007, "close reason is not UTF-8")),
        ])
    func closingHandshake(sent: TestWebSocket.Frame, answer: TestWebSocket.Frame) async throws {
        try await withBackend { port in
            try await TestClient.open(port: port, path: "/echo") { socket in
                try await socket.send(sent)
                #expect(try await socket.receive() == answer)
                #expect(try await socket.receiveEnd())
            }
        }
    }

    @Test(
        "a client that breaks a rule gets the Close for it",
        arguments: [
            ("unmasked frame", TestWebSocket.bytes(.text("x"), mask: nil), 1002),
            ("RSV1 without an extension", [0xC1, 0x80, 0, 0, 0, 0], 1002),
            ("reserved opcode", [0x83, 0x80, 0, 0, 0, 0], 1002),
            ("continuation of nothing", [0x80, 0x80, 0, 0, 0, 0], 1002),
            ("fragmented ping", [0x09, 0x80, 0, 0, 0, 0], 1002),
            ("text that is not UTF-8", [0x81, 0x81, 0, 0, 0, 0, 0xFF], 1007),
            ("frame over the limit", [0x82, 0xFF, 0, 0, 0, 0, 0x01, 0, 0, 1, 0, 0, 0, 0], 1009),
        ] as [(String, [UInt8], UInt16)])
    func failsTheConnection(rule: String, bytes: [UInt8], code: UInt16) async throws {
        try await withBackend { port in
            try await TestClient.open(port: port, path: "/echo") { socket in
                try await socket.write(bytes)
                #expect(try await socket.receive().code == code, "\(rule)")
            }
        }
    }

    @Test(
        "what is no WebSocket handshake for one of its paths is refused",
        arguments: [
            ("/", [], "HTTP/1.1 404 "), ("/echo/x", [], "HTTP/1.1 404 "), ("/echo", [], "HTTP/1.1 426 "),
            (
                "/other",
                [
                    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                ], "HTTP/1.1 404 "
            ),
            (
                "/chat",
                [
                    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 8",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                ], "HTTP/1.1 426 "
            ),
        ] as [(String, [String], String)])
    func refusals(path: String, fields: [String], status: String) async throws {
        try await withBackend { port in
            let answer = try await TestClient.refusal(port: port, path: path, fields: fields)
            #expect(answer.hasPrefix(status), "\(answer)")
            #expect(answer.lowercased().contains("sec-websocket-version: 13\r\n") == status.contains("426"))
        }
    }

    @Test("stopping sends Close 1001 and takes no new connections")
    func stop() async throws {
        let backend = try await DemoBackend.start(group: .singletonMultiThreadedEventLoopGroup)
        try await TestClient.open(port: backend.port, path: "/echo") { socket in
            async let stopped: Void = backend.stop()
            #expect(try await socket.receive() == .close(1001, "the backend stops"))
            try await socket.send(.close(1001))
            try await stopped
        }
        await #expect(throws: (any Error).self) {
            try await TestClient.refusal(port: backend.port, path: "/")
        }
    }
}
