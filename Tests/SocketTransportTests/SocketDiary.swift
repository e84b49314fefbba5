import NIOCore

@testable import SocketTransport

/// Writes down what a socket tells, and answers as a test wants.
final class SocketDiary: StreamSocketDelegate {
    enum Event: Equatable {
        case received(Int)
        case secured(String?)
        case readComplete
        case inputEnded
        case writable(Bool)
        case drained
        case outputEnded
        /// The code of the system; 0: without an error; -1: one that is none of the system.
        case closed(CInt)
    }

    private(set) var events: [Event] = []
    private(set) var bytes: [UInt8] = []
    private(set) var error: (any Error)?
    var answer: (Event, StreamSocket) -> Void = { _, _ in }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var isClosed: Bool { events.contains { if case .closed = $0 { true } else { false } } }

    func clear() {
        events = []
        bytes = []
    }

    private func note(_ event: Event, _ socket: StreamSocket) {
        events.append(event)
        answer(event, socket)
    }

    func socket(_ socket: StreamSocket, received bytes: ByteBuffer) {
        self.bytes += bytes.readableBytesView
        note(.received(bytes.readableBytes), socket)
    }
    func socketSecured(_ socket: StreamSocket, applicationProtocol: String?) {
        note(.secured(applicationProtocol), socket)
    }
    func socketReadComplete(_ socket: StreamSocket) { note(.readComplete, socket) }
    func socketInputEnded(_ socket: StreamSocket) { note(.inputEnded, socket) }
    func socketWritabilityChanged(_ socket: StreamSocket) { note(.writable(socket.isWritable), socket) }
    func socketDrained(_ socket: StreamSocket) { note(.drained, socket) }
    func socketOutputEnded(_ socket: StreamSocket) { note(.outputEnded, socket) }
    func socketClosed(_ socket: StreamSocket, error: (any Error)?) {
        self.error = error
        let code: CInt =
            switch error {
            case nil: 0
            case let error as IOError: error.errnoCode
            default: -1
            }
        note(.closed(code), socket)
    }
}

extension StreamSocket {
    func write(_ text: String) { write(ByteBuffer(string: text)) }
}
