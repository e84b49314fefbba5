import GatewaySession
import PerMessageDeflate
import TestSupport
import Testing

/// What the two legs agreed on.
struct CompressionPairing: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var client: DeflateParameters?
    var server: DeflateParameters?

    var extensions: SessionExtensions { SessionExtensions(client: client, server: server) }

    static let full = DeflateParameters()
    static let forgetting = DeflateParameters(serverNoContextTakeover: true, clientNoContextTakeover: true)

    /// Frames of both directions go on as they come.
    static let same = CompressionPairing(testDescription: "deflate on both legs, alike", client: full, server: full)
    static let clientOnly = CompressionPairing(testDescription: "deflate to the client", client: full, server: nil)
    static let serverOnly = CompressionPairing(testDescription: "deflate to the server", client: nil, server: full)
    /// Neither direction's frames fit the other leg.
    static let unlike = CompressionPairing(
        testDescription: "deflate on both legs, incompatible",
        client: DeflateParameters(serverNoContextTakeover: true),
        server: DeflateParameters(clientNoContextTakeover: true))
    static let forgettingBoth = CompressionPairing(
        testDescription: "no context takeover", client: forgetting, server: forgetting)
    static let forgettingClient = CompressionPairing(
        testDescription: "no context takeover, to the client", client: forgetting, server: nil)
    static let forgettingServer = CompressionPairing(
        testDescription: "no context takeover, to the server", client: nil, server: forgetting)

    static let compressing = [
        same, clientOnly, serverOnly, unlike, forgettingBoth, forgettingClient, forgettingServer,
    ]

    /// Each window of each peer against none, a narrow one and the widest on the other leg. What the gateway compresses
    /// with is never 8: such an offer is declined.
    static let windows: [CompressionPairing] = (8...15).flatMap { bits in
        let sending = max(9, bits)
        let client = DeflateParameters(serverMaxWindowBits: sending, clientMaxWindowBits: bits)
        let server = DeflateParameters(serverMaxWindowBits: bits, clientMaxWindowBits: sending)
        return [
            CompressionPairing(testDescription: "client \(bits) bits", client: client, server: nil),
            CompressionPairing(testDescription: "server \(bits) bits", client: nil, server: server),
            CompressionPairing(testDescription: "both \(bits) bits", client: client, server: server),
            CompressionPairing(testDescription: "client \(bits) bits, server 15", client: client, server: full),
            CompressionPairing(testDescription: "client 15 bits, server \(bits)", client: full, server: server),
        ]
    }
}

/// Messages of every size and kind that matters to compression.
enum SampleMessages {
    static let all: [SimulatedMessage] = {
        var generator = SeededGenerator(seed: 5)
        return [
            SimulatedMessage(isText: true, payload: Array("hello".utf8)),
            SimulatedMessage(isText: true, payload: []),
            SimulatedMessage(isText: true, payload: sampleText(3000)),
            SimulatedMessage(isText: true, payload: sampleText(3000)),
            SimulatedMessage(isText: false, payload: []),
            SimulatedMessage(isText: false, payload: generator.bytes(2000)),
            SimulatedMessage(isText: false, payload: .some(20_000)),
            SimulatedMessage(isText: true, payload: sampleText(40_000, seed: 2)),
            SimulatedMessage(isText: true, payload: Array("hello".utf8)),
        ]
    }()
}
