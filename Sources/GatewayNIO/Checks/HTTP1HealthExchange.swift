import HTTPTypes
import NIOCore
import WebSocketCore

/// A check over HTTP/1.1: a GET whose status is judged, or an upgrade and what follows it.
final class HTTP1HealthExchange: HealthExchange {
    private(set) var verdict: HealthVerdict?
    private(set) var isOver = false
    private let question: HealthQuestion
    private let key: String
    private let masks: () -> UInt32
    private var output: ByteBuffer?
    private var scan = HTTP1HeadScan()
    private var head = ByteBuffer()
    private var socket: WebSocketProbe?

    /// - Parameters:
    ///   - key: of the handshake (`HandshakeKey.make`).
    ///   - masks: random numbers for frames.
    init(_ question: HealthQuestion, key: String, masks: @escaping () -> UInt32) {
        self.question = question
        self.key = key
        self.masks = masks
        var fields = HealthQuestion.fields
        if question.isForWebSocket {
            fields.append(contentsOf: ClientHandshake.requestFields(key: key))
        } else {
            fields[.connection] = "close"
        }
        var text = "GET \(question.path) HTTP/1.1\r\nHost: \(question.host)\r\n"
        for field in fields { text += "\(field.name.rawName): \(field.value)\r\n" }
        output = ByteBuffer(string: text + "\r\n")
    }

    func takeOutput() -> ByteBuffer? { socket?.takeOutput() ?? output.take() }

    func receive(_ bytes: ByteBuffer, now: NIODeadline) {
        var bytes = bytes
        // The body behind a status that is judged is of no interest: the server ends the connection behind it.
        while bytes.readableBytes > 0, socket == nil, verdict == nil { readHead(&bytes) }
        guard socket != nil, !isOver else { return }
        socket?.receive(bytes)
        verdict = verdict ?? socket?.verdict
        isOver = socket?.isOver == true
    }

    private func readHead(_ bytes: inout ByteBuffer) {
        let end = scan.end(in: bytes.readableBytesView)
        guard zip(scan.beginning, "HTTP/1.".utf8).allSatisfy(==) else { return fail("the answer is not HTTP/1.1") }
        guard let end, var part = bytes.readSlice(length: end) else {
            head.writeBuffer(&bytes)
            return
        }
        head.writeBuffer(&part)
        guard let status = scan.status else { return fail("the answer is not HTTP/1.1") }
        if (100..<200).contains(status), status != 101 {
            // Another head follows an interim response (RFC 9110 §15.2).
            scan = HTTP1HeadScan()
            head.clear()
            return
        }
        judge(status)
    }

    private func judge(_ status: Int) {
        guard case .pong = question.wanted else {
            if case .status(let wanted) = question.wanted {
                verdict = HealthQuestion.verdict(on: status, wanted: wanted)
            }
            return
        }
        do {
            let (_, extensions) = try ClientHandshake.verify(
                status: status, fields: fields, key: key, offeredSubprotocols: [])
            if case .failed(let reason)? = HealthQuestion.refusal(of: extensions) { return fail(reason) }
            socket = WebSocketProbe(masks: masks)
        } catch {
            fail(error.message)
        }
    }

    /// Those of the head. Lines that are none are left out: what is missing then is judged.
    private var fields: HTTPFields {
        var fields = HTTPFields()
        for line in head.readableBytesView.split(separator: UInt8(ascii: "\n")).dropFirst() {
            let text = String(decoding: line, as: UTF8.self)
            guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
                let name = HTTPField.Name(String(text[..<colon]))
            else { continue }
            let value = text[text.utf8.index(after: colon)...].trimmingPrefix { $0 == " " || $0 == "\t" }
            fields.append(
                HTTPField(name: name, value: value.hasSuffix("\r") ? String(value.dropLast()) : String(value)))
        }
        return fields
    }

    private func fail(_ reason: String) {
        verdict = .failed(reason)
        isOver = true
    }
}
