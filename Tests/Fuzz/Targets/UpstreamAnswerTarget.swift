import GatewayPolicy
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import WebSocketCore

@testable import GatewayNIO

/// What a server answers to the gateway's upgrade: `UpstreamHandshake` and `ClientHandshake.verify`; the second half of
/// `HandshakeTarget`.
///
/// Invariant: whatever comes, the handshake ends just once: answered, failed or timed out. A 101 is taken only if its
/// bytes, read naively, satisfy the end of RFC 6455 §4.1. Values of fields are the bytes that came.
enum UpstreamAnswerTarget {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    private static let subprotocols = ["chat", "superchat"]

    private final class Recorder: UpstreamLegDelegate {
        var responses: [HTTPResponse] = []
        var failures = 0
        var ends = 0

        func leg(_ leg: any UpstreamLeg, informed response: HTTPResponse) {}
        func leg(_ leg: any UpstreamLeg, answered response: HTTPResponse) { responses.append(response) }
        func leg(_ leg: any UpstreamLeg, answeredBadly reason: String) {
            failures += 1
            leg.giveUp()
        }
        func leg(_ leg: any UpstreamLeg, content: ByteBuffer) {}
        func legEndedResponse(_ leg: any UpstreamLeg, isWhole: Bool, trailers: HTTPFields?) { ends += 1 }
        func legReadComplete(_ leg: any UpstreamLeg) {}
        func legIsWritable(_ leg: any UpstreamLeg) {}
        func leg(_ leg: any UpstreamLeg, failedWith error: any Error) { failures += 1 }
        func legBrokeOff(_ leg: any UpstreamLeg, reason: String) { failures += 1 }
        func legLacksHTTP2(_ leg: any UpstreamLeg, reason: String) { failures += 1 }
        func legNotProcessed(_ leg: any UpstreamLeg, _ refusal: Refusal, reason: String) { failures += 1 }
        func legTimedOut(_ leg: any UpstreamLeg) { failures += 1 }
    }

    static func check(_ stream: [UInt8], seed: Int) throws {
        let recorder = Recorder()
        let channel = EmbeddedChannel()
        let request = UpstreamRequest(
            path: "/", host: "example.com",
            fields: [:], clientKey: key, subprotocols: subprotocols, extensions: [])
        let handshake = UpstreamHandshake(
            request: request, isTLS: false, timeout: .seconds(5), delegate: recorder)
        try handshake.addCodec(to: channel.pipeline.syncOperations)
        try channel.pipeline.syncOperations.addHandler(handshake)
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        var pieces = Pieces(seed: seed)
        var position = 0
        while position < stream.count, channel.isActive {
            let count = min(pieces.next(), stream.count - position)
            _ = try? channel.writeInbound(ByteBuffer(bytes: stream[position..<(position + count)]))
            position += count
        }
        channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        _ = try? channel.finish(acceptAlreadyClosed: true)
        try judge(recorder, stream)
    }

    private static func judge(_ recorder: Recorder, _ stream: [UInt8]) throws {
        try require(
            recorder.responses.count + recorder.failures == 1,
            "answered \(recorder.responses.count) times, failed \(recorder.failures) times")
        guard let response = recorder.responses.first else { return }
        for field in response.headerFields {
            let bytes = field.withUnsafeBytesOfValue { Array($0) }
            try require(contains(stream, bytes), "the value of \(field.name) is \(bytes), which did not come")
        }
        guard response.status.code == 101 else {
            try require(recorder.ends == 1, "a refusal ended \(recorder.ends) times")
            return
        }
        guard
            let (subprotocol, _) = try? ClientHandshake.verify(
                status: 101, fields: response.headerFields, key: key, offeredSubprotocols: subprotocols)
        else { return }
        var rest = stream[...]
        var raw = RawHead(rest)
        // Other interim responses may come first (RFC 9110 §15.2).
        while let interim = raw, !interim.startLine.contains(" 101"), interim.startLine.contains(" 1") {
            rest = rest.dropFirst(interim.length)
            raw = RawHead(rest)
        }
        guard let raw else { throw BrokenInvariant("a 101 was taken that did not come") }
        try require(
            raw.values("upgrade").map { $0.lowercased() } == ["websocket"],
            "a 101 without Upgrade to websocket alone was taken: \(raw.fields)")
        try require(raw.lists("connection", "upgrade"), "a 101 without Connection was taken: \(raw.fields)")
        try require(
            raw.values("sec-websocket-accept") == [accept], "Sec-WebSocket-Accept is taken: \(raw.fields)")
        let named = raw.values("sec-websocket-protocol")
        try require(
            named == [subprotocol].compactMap { $0 } && named.allSatisfy { subprotocols.contains($0) },
            "subprotocol \(named) was taken as \(subprotocol ?? "none"), offered were \(subprotocols)")
    }

    private static func contains(_ stream: [UInt8], _ bytes: [UInt8]) -> Bool {
        guard bytes.count <= stream.count else { return false }
        return bytes.isEmpty
            || (0...(stream.count - bytes.count)).contains { stream[$0...].starts(with: bytes) }
    }
}
