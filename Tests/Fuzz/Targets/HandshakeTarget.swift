import Foundation
import GatewayConfig
import GatewayPolicy
import GatewayTelemetry
import Logging
import NIOCore
import NIOEmbedded

@testable import GatewayNIO

/// What comes before a WebSocket from a client: NIO's parser, `HTTP1Front`, `HTTP1Head`, `RequestDecision` and
/// `ServerHandshake` on an embedded channel, up to the choice of a server.
///
/// Invariant: whatever comes, in whatever pieces, is answered with a well-formed response of a status that the gateway may
/// give, at the latest when the time for the handshake is up, and nothing follows one that ends the connection; the pieces make no difference, but to what of
/// a malformed field over the limit is seen first. A server is sought only for a request that satisfies RFC 6455 §4.2.1
/// when its bytes are read naively, and always for a plain one that does. `TargetJudge` states what holds of targets
/// and hosts.
enum HandshakeTarget {
    private static let configuration = """
        listeners: [{name: fuzzed, address: "127.0.0.1:1"}]
        limits: {max_header_size: 1KiB, handshake_timeout: 10s}
        routes:
          - {name: fixed, match: {path: /fixed}, respond: {status: 200, body: "as configured"}}
          - {name: moved, match: {path_prefix: /moved}, redirect: {to: "https://example.com/", status: 308}}
          - {name: origin, match: {path_prefix: /origin}, origins: ["https://example.com"], upstream: full, http: off}
          - {name: chat, match: {path_prefix: /ws}, upstream: full, http: off}
        upstreams: [{name: full, servers: [{address: "127.0.0.1:1", max_connections: 1}]}]
        """
    /// The one server has its one connection, so that a request is refused with 503 just when all else is in order.
    private static let runtime: (process: ProcessState, generation: Generation, place: ServerPermit)? = {
        guard
            let configuration = try? ConfigurationFile.parse(
                Self.configuration, file: "fuzzed", directory: "/", environment: [:], now: Date(), judge: nil)
        else { return nil }
        let telemetry = Telemetry(loops: 1, version: "fuzzed")
        let logger = Logger(label: "fuzzed") { _ in SwiftLogNoOpLogHandler() }
        let process = ProcessState(telemetry: telemetry, limits: configuration.limits, logger: logger)
        guard let generation = try? Generation(configuration, process: process),
            case .success(let choice)? = generation.upstreams["full"]?.pick(now: .now())
        else { return nil }
        return (process, generation, choice.permit)
    }()

    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        var input = InputBytes(bytes)
        let isAnswer = input.flag()
        let seed = input.word()
        let stream = Array(input.all())
        if isAnswer { return try UpstreamAnswerTarget.check(stream, seed: seed) }
        let whole = try respond(to: stream, pieces: nil)
        let split = try respond(to: stream, pieces: Pieces(seed: seed))
        // A field that is malformed behind the limit: which of it the parser sees first is a matter of the pieces.
        let isMalformed = [400, 431].contains(whole) && [400, 431].contains(split)
        try require(whole == split || isMalformed, "the status is \(whole) in one piece, \(split) in several")
        let head = RawHead(stream)
        if whole == 503 {
            let found = head.map { fault(in: $0) } ?? "no end"
            try require(found == nil, "a server was sought for a request with \(found ?? "")")
        }
        if let head { try TargetJudge.check(head, wasServed: whole == 503) }
        if let head, isPlain(head, Array(stream.prefix(head.length))) {
            try require(whole == 503, "a plain handshake was answered with \(whole)")
        }
    }

    // MARK: The gateway

    /// The status of the answer.
    private static func respond(to stream: [UInt8], pieces: Pieces?) throws -> Int {
        guard let (process, generation, _) = runtime, let listener = generation.listener("fuzzed") else {
            throw BrokenInvariant("the configuration of the target is not valid")
        }
        let channel = EmbeddedChannel()
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        let loop = LoopContext(process: process, generation: generation, eventLoop: channel.eventLoop, index: 0)
        let handshake = HTTP1Front(listener: listener, loop: loop)
        try channel.pipeline.syncOperations.addHandler(handshake)
        try handshake.addCodec()
        var pieces = pieces
        var position = 0
        var output: [UInt8] = []
        while position < stream.count, channel.isActive {
            let count = min(pieces?.next() ?? stream.count, stream.count - position)
            _ = try? channel.writeInbound(ByteBuffer(bytes: stream[position..<(position + count)]))
            position += count
            try take(channel, into: &output)
            if !output.isEmpty { break }
        }
        if output.isEmpty {
            channel.embeddedEventLoop.advanceTime(by: .seconds(10))
            try take(channel, into: &output)
        }
        return try status(of: output, isHead: stream.starts(with: "HEAD ".utf8))
    }

    private static func take(_ channel: EmbeddedChannel, into output: inout [UInt8]) throws {
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { output += bytes.readableBytesView }
    }

    private static func status(of output: [UInt8], isHead: Bool) throws -> Int {
        guard let head = RawHead(output) else {
            throw BrokenInvariant("no response, but \"\(String(decoding: output, as: UTF8.self))\"")
        }
        let words = head.startLine.split(separator: " ", maxSplits: 2)
        try require(words.count >= 2 && words[0] == "HTTP/1.1", "the status line is \"\(head.startLine)\"")
        let status = Int(words[1]) ?? 0
        let allowed = [200, 308, 400, 403, 404, 405, 408, 426, 431, 503]
        try require(allowed.contains(status), "the status is \(words[1]), expected one of \(allowed)")
        let behind = output.count - head.length
        let announced = head.values("content-length").compactMap { Int($0) }
        try require(announced.count == 1, "lengths of the body are \(announced), expected one")
        let isLast = head.lists("connection", "close")
        // What could not be read may have been a HEAD, or none.
        try require(
            isHead && behind == 0 || (isLast ? behind == announced[0] : isHead || behind >= announced[0]),
            "\(behind) bytes behind the head, announced were \(announced)")
        try require(head.values("x-request-id").count == 1, "the answer has no request id: \(head.fields)")
        try require(
            isLast || ![400, 408, 431].contains(status), "the answer does not end the connection: \(head.fields)")
        return status
    }

    // MARK: RFC 6455 §4.2.1, read naively

    /// What a server is not to be sought with.
    private static func fault(in head: RawHead) -> String? {
        guard head.startLine.hasPrefix("GET "), head.startLine.hasSuffix("HTTP/1.1") else { return head.startLine }
        guard head.values("host").count == 1, head.values("host") != [""] else { return "no Host, or several" }
        guard head.lists("upgrade", "websocket") else { return "no Upgrade" }
        guard head.lists("connection", "upgrade") else { return "no Connection" }
        guard head.values("sec-websocket-version") == ["13"] else { return "no version" }
        let keys = head.values("sec-websocket-key")
        guard keys.count == 1, keys[0].utf8.count == 24, Data(base64Encoded: keys[0])?.count == 16 else {
            return "key \(keys)"
        }
        guard head.values("transfer-encoding").isEmpty else { return "a body" }
        guard head.values("content-length").allSatisfy({ $0 == "0" }) else { return "a body" }
        guard head.values("origin").count <= 1 else { return "several origins" }
        return nil
    }

    /// Whether nothing about the request could be read in two ways.
    private static func isPlain(_ head: RawHead, _ bytes: [UInt8]) -> Bool {
        let names = Set(head.fields.map(\.name))
        let known: Set = ["host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "user-agent"]
        var previous: UInt8 = 0
        for byte in bytes {
            let isLineEnd = byte == 0x0D || byte == 0x0A && previous == 0x0D
            guard isLineEnd || byte >= 0x20 && byte < 0x7F && previous != 0x0D else { return false }
            previous = byte
        }
        return head.startLine == "GET /ws HTTP/1.1" && bytes.starts(with: "GET".utf8)
            && head.length <= 900 && names.isSubset(of: known) && names.count == head.fields.count
            && head.values("host") == ["example.com"] && head.values("upgrade") == ["websocket"]
            && head.values("connection") == ["Upgrade"] && fault(in: head) == nil
            && bytes.split(separator: 0x0A).dropFirst().allSatisfy(isField)
    }

    /// `Name: value` without anything unusual.
    private static func isField(_ line: ArraySlice<UInt8>) -> Bool {
        let name = line.prefix { $0 != UInt8(ascii: ":") }
        let isEnd = line.elementsEqual([0x0D])
        return isEnd
            || name.count < line.count - 1
                && name.allSatisfy { byte in
                    let letter = byte | 0x20
                    return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") || byte == UInt8(ascii: "-")
                }
    }
}
