import NIOCore
import NIOWebSocket

/// What a path of a backend leads to.
enum BackendEndpoint: Sendable {
    /// Sends every message back.
    case echo
    /// Sends every text message to all members, as ``ChatRoom/Line``.
    case chat(ChatRoom)
    /// Says `{"server": number}` first, then sends every message back.
    case server(number: Int)
    /// Breaks a rule when the first message comes.
    case fault(BackendFault)
}

/// The paths of one backend.
struct BackendEndpoints: Sendable {
    let room: ChatRoom
    /// What the server calls itself.
    let number: Int

    /// nil: there is no such path.
    func endpoint(at path: String) -> BackendEndpoint? {
        switch path {
        case DemoBackend.echoPath: .echo
        case DemoBackend.chatPath: .chat(room)
        case DemoBackend.serverPath: .server(number: number)
        default: BackendFault(path: path).map { .fault($0) }
        }
    }

    /// All of them.
    static let paths =
        [DemoBackend.echoPath, DemoBackend.chatPath, DemoBackend.serverPath] + BackendFault.allCases.map(\.path)
}

/// A rule that the backend breaks on purpose. No browser can break these itself, so the demo's server does.
enum BackendFault: String, CaseIterable, Sendable {
    /// A text message that is not UTF-8 (RFC 6455 §8.1).
    case text
    /// A frame that is masked, as only those of clients may be (RFC 6455 §5.1).
    case frame
    /// The first fragment of a message, and then the end of the TCP connection.
    case end

    /// Where it happens.
    var path: String { "/fault/\(rawValue)" }

    init?(path: String) {
        guard let fault = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = fault
    }

    /// What the backend sends.
    var frame: WebSocketFrame {
        switch self {
        case .text: WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(bytes: [0xC3, 0x28]))
        case .frame:
            WebSocketFrame(fin: true, opcode: .text, maskKey: [1, 2, 3, 4], data: ByteBuffer(string: "masked"))
        case .end: WebSocketFrame(fin: false, opcode: .text, data: ByteBuffer(string: "only the beginning"))
        }
    }

    /// Whether the TCP connection ends after it.
    var endsConnection: Bool { self == .end }
}
