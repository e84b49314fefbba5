import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import GatewayDemo

@Suite("The demo's chat", .timeLimit(.minutes(1)))
struct ChatRoomTests {
    private func withChat<R: Sendable>(
        _ adjust: (inout ChatRoom.Limits) -> Void = { _ in }, _ body: (Int) async throws -> R
    ) async throws -> R {
        var limits = ChatRoom.Limits()
        adjust(&limits)
        let backend = try await DemoBackend.start(
            group: .singletonMultiThreadedEventLoopGroup, room: ChatRoom(limits: limits))
        do {
            let result = try await body(backend.port)
            try await backend.stop()
            return result
        } catch {
            try await backend.stop()
            throw error
        }
    }

    private func line(_ socket: inout TestWebSocket) async throws -> ChatRoom.Line {
        try JSONDecoder().decode(ChatRoom.Line.self, from: Data(try await socket.receive().payload))
    }

    @Test("what one says goes to all members, with notices when they come and go")
    func broadcast() async throws {
        try await withChat { port in
            try await TestClient.open(port: port, path: "/chat") { first in
                #expect(try await line(&first) == .init(from: "room", text: "guest-1 joined, 1 here", you: "guest-1"))
                try await TestClient.open(port: port, path: "/chat") { second in
                    #expect(
                        try await line(&second) == .init(from: "room", text: "guest-2 joined, 2 here", you: "guest-2"))
                    #expect(try await line(&first) == .init(from: "room", text: "guest-2 joined, 2 here"))
                    try await second.send(.text("salut \"toi\"\n/✓"))
                    let expected = ChatRoom.Line(from: "guest-2", text: "salut \"toi\"\n/✓")
                    #expect(try await line(&second) == expected)
                    #expect(try await line(&first) == expected)
                    try await second.send(.close(1000))
                    #expect(try await second.receive() == .close(1000))
                    #expect(try await line(&first) == .init(from: "room", text: "guest-2 left, 1 here"))
                }
            }
        }
    }

    @Test("servers that share a room bring their guests together")
    func sharedRoom() async throws {
        let backends = try await DemoBackend.start(2, group: .singletonMultiThreadedEventLoopGroup)
        do {
            try await TestClient.open(port: backends[0].port, path: "/chat") { first in
                _ = try await first.receive()
                try await TestClient.open(port: backends[1].port, path: "/chat") { second in
                    _ = try await second.receive()
                    #expect(try await line(&first) == .init(from: "room", text: "guest-2 joined, 2 here"))
                    try await second.send(.text("hello over there"))
                    #expect(try await line(&first) == .init(from: "guest-2", text: "hello over there"))
                }
            }
        } catch {
            for backend in backends { try await backend.stop() }
            throw error
        }
        for backend in backends { try await backend.stop() }
    }

    @Test("a member whose connection breaks off without a Close leaves")
    func brokenOff() async throws {
        try await withChat { port in
            try await TestClient.open(port: port, path: "/chat") { first in
                _ = try await first.receive()
                try await TestClient.open(port: port, path: "/chat") { second in _ = try await second.receive() }
                _ = try await first.receive()
                #expect(try await line(&first) == .init(from: "room", text: "guest-2 left, 1 here"))
            }
        }
    }

    @Test("binary messages are refused with 1003, long ones with 1009")
    func refusedMessages() async throws {
        try await withChat { port in
            for (message, code) in [
                (TestWebSocket.Frame.binary([1]), UInt16(1003)), (.text(String(repeating: "x", count: 16_385)), 1009),
            ] {
                try await TestClient.open(port: port, path: "/chat") { socket in
                    _ = try await socket.receive()
                    try await socket.send(message)
                    #expect(try await socket.receive().code == code)
                }
            }
        }
    }

    @Test("a room that is full closes with 1013")
    func full() async throws {
        try await withChat({ $0.members = 1 }) { port in
            try await TestClient.open(port: port, path: "/chat") { first in
                _ = try await first.receive()
                try await TestClient.open(port: port, path: "/chat") { second in
                    let refusal = try await second.receive()
                    #expect(refusal == .close(1013, "the room is full"))
                }
            }
        }
    }

    @Test("a member that does not read is dropped, and the others miss nothing")
    func slowMember() async throws {
        try await withChat({ $0.queuedBytes = 64 * 1024 }) { port in
            try await TestClient.open(port: port, path: "/chat", receiveBuffer: 4096) { slow in
                _ = try await slow.receive()
                try await TestClient.open(port: port, path: "/chat") { speaker in
                    _ = try await speaker.receive()
                    let text = String(repeating: "x", count: 16_000)
                    let dropped = ChatRoom.Line(
                        from: "room", text: "guest-1 was dropped for reading too slowly, 1 here")
                    // Enough to fill the largest socket buffers Linux gives a loopback connection by itself.
                    var said = 0
                    var heard = 0
                    var noticed = false
                    while !noticed, said < 4_000 {
                        try await speaker.send(.text(text))
                        said += 1
                        while heard < said {
                            let next = try await line(&speaker)
                            if next == dropped { noticed = true } else { heard += 1 }
                        }
                        if noticed { break }
                    }
                    try await speaker.send(.text("still here"))
                    var last = try await line(&speaker)
                    if last == dropped {
                        noticed = true
                        last = try await line(&speaker)
                    }
                    #expect(noticed, "nobody was dropped after \(said) messages")
                    #expect(last == .init(from: "guest-2", text: "still here"))
                }
            }
        }
    }
}
