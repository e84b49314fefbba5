import HTTPTypes
import NIOCore
import NIOHPACK
import TestSupport

@testable import HTTP2Core

/// What a connection told of, comparable: content in a row counts as one piece however it came.
enum Told: Equatable, CustomStringConvertible {
    case request(UInt32, path: String?, ends: Bool)
    case badRequest(UInt32, HTTP2RequestError, ends: Bool)
    case informed(UInt32, Int)
    case response(UInt32, Int)
    case data(UInt32, [UInt8])
    case ended(UInt32)
    /// With these fields, as "name: value".
    case endedWith(UInt32, trailers: [String])
    case closed(UInt32, HTTP2StreamClosure)
    case writable(UInt32)
    case settings
    case pong(UInt64)
    case goAway(HTTP2ErrorCode, String)
    case failed(HTTP2ErrorCode)

    var description: String {
        switch self {
        case .request(let id, let path, let ends): "request \(id) \(path ?? "-")\(ends ? ", ended" : "")"
        case .badRequest(let id, let error, let ends): "bad request \(id) \(error)\(ends ? ", ended" : "")"
        case .informed(let id, let status): "informed \(id) \(status)"
        case .response(let id, let status): "response \(id) \(status)"
        case .data(let id, let bytes): "data \(id) \(bytes.prefix(16)) (\(bytes.count) bytes)"
        case .ended(let id): "ended \(id)"
        case .endedWith(let id, let trailers): "ended \(id) with \(trailers)"
        case .closed(let id, let reason): "closed \(id) \(reason)"
        case .writable(let id): "writable \(id)"
        case .settings: "settings"
        case .pong(let value): "pong \(value)"
        case .goAway(let code, let text): "GOAWAY \(code.name) \(text)"
        case .failed(let code): "failed \(code.name)"
        }
    }

    static func data(_ id: UInt32, _ text: String) -> Told { .data(id, Array(text.utf8)) }
}

/// A connection in a test's hands: frames in, what it told and sent out.
final class Endpoint {
    let connection: HTTP2Connection
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private(set) var told: [Told] = []
    private(set) var streams: [UInt32: HTTP2Stream] = [:]
    /// Whether content is taken as soon as it comes.
    var consumes = true
    /// Is asked before the next event is.
    var onEvent: ((HTTP2Event) -> Void)?
    private var decoder = HPACKDecoder(
        allocator: ByteBufferAllocator(), maxDynamicTableSize: 4096, maxHeaderListSize: 1 << 24)

    init(
        _ role: HTTP2Connection.Role, maxStreams: Int = 100, maxHeaderListSize: Int = 16 * 1024,
        offersConnect: Bool = true
    ) {
        let limits = HTTP2Limits(
            maxStreams: maxStreams, maxHeaderListSize: maxHeaderListSize,
            offersConnectProtocol: role == .server && offersConnect)
        connection = HTTP2Connection(role: role, limits: limits)
    }

    /// One that has the peer's preface and SETTINGS behind it, with nothing left to send or to tell.
    static func ready(
        _ role: HTTP2Connection.Role, settings: Frame = .settings((0x8, 1)), maxStreams: Int = 100,
        maxHeaderListSize: Int = 16 * 1024, offersConnect: Bool = true
    ) -> Endpoint {
        let endpoint = Endpoint(
            role, maxStreams: maxStreams, maxHeaderListSize: maxHeaderListSize, offersConnect: offersConnect)
        endpoint.receive((role == .server ? Frame.preface : []) + settings.bytes + Frame.settingsAck.bytes)
        endpoint.forget()
        return endpoint
    }

    func forget() {
        told = []
        _ = sentBytes()
    }

    // MARK: In

    func receive(_ bytes: [UInt8], _ split: Split = .whole) {
        for piece in split.pieces(of: bytes) {
            connection.receive(piece)
            handleEvents()
            piece.overwrite()
        }
    }

    func receive(_ frames: Frame...) { receive(frames.flatMap(\.bytes)) }
    func receive(_ frames: [Frame]) { receive(frames.flatMap(\.bytes)) }

    func handleEvents() {
        while let event = connection.nextEvent(now: now) {
            onEvent?(event)
            note(event)
        }
    }

    private func note(_ event: HTTP2Event) {
        switch event {
        case .request(let stream, .success(let request), let ends):
            streams[stream.id] = stream
            told.append(.request(stream.id, path: request.path, ends: ends))
        case .request(let stream, .failure(let error), let ends):
            streams[stream.id] = stream
            told.append(.badRequest(stream.id, error, ends: ends))
        case .informed(let stream, let response): told.append(.informed(stream.id, response.status.code))
        case .response(let stream, let response): told.append(.response(stream.id, response.status.code))
        case .data(let stream, let bytes):
            if case .data(stream.id, let before)? = told.last {
                told[told.count - 1] = .data(stream.id, before + bytes.readableBytesView)
            } else {
                told.append(.data(stream.id, Array(bytes.readableBytesView)))
            }
            if consumes { connection.consumed(bytes.readableBytes, of: stream, now: now) }
        case .ended(let stream, nil): told.append(.ended(stream.id))
        case .ended(let stream, let trailers?):
            told.append(.endedWith(stream.id, trailers: trailers.map { "\($0.name.canonicalName): \($0.value)" }))
        case .closed(let stream, let reason): told.append(.closed(stream.id, reason))
        case .writable(let stream): told.append(.writable(stream.id))
        case .settings: told.append(.settings)
        case .pong(let value): told.append(.pong(value))
        case .goAway(let code, let text): told.append(.goAway(code, String(buffer: text)))
        case .failed(let failure): told.append(.failed(failure.code))
        }
    }

    // MARK: Out

    func sentBytes() -> [UInt8] {
        var bytes: [UInt8] = []
        while let output = connection.takeOutput() { bytes += output.readableBytesView }
        handleEvents()
        return bytes
    }

    /// What it sends now, the client's preface left out.
    func sent() -> [Frame] {
        let bytes = sentBytes()
        return Frame.all(in: bytes.starts(with: Frame.preface) ? Array(bytes.dropFirst(24)) : bytes)
    }

    /// The fields of a HEADERS frame that was sent; each has to be read, in its order.
    func fields(of frame: Frame) throws -> [(String, String)] {
        var block = ByteBuffer(bytes: frame.payload)
        return try decoder.decodeHeaders(from: &block).map { ($0.name, $0.value) }
    }

    /// Opens a stream for a WebSocket, as a client.
    func openWebSocket() -> HTTP2Stream? {
        var request = HTTPRequest(method: .connect, scheme: "https", authority: "example.com", path: "/chat")
        request.extendedConnectProtocol = "websocket"
        let stream = connection.open(request)
        if let stream { streams[stream.id] = stream }
        return stream
    }
}
