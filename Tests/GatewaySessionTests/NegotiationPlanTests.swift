import GatewayConfig
import PerMessageDeflate
import Testing
import WebSocketCore

@testable import GatewaySession

@Suite struct NegotiationPlanTests {
    private static func offers(_ text: String) -> [ExtensionOffer] { (try? ExtensionHeader.parse([text])) ?? [] }

    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var settings = CompressionSettings()
        var allowance = CompressionAllowance.full
        var client: String
        var offered = ""
        var server = ""
        var answer: String?
        var fromClient: String
        var fromServer: String
    }

    private static func settings(_ change: (inout CompressionSettings) -> Void) -> CompressionSettings {
        var settings = CompressionSettings()
        change(&settings)
        return settings
    }

    private static let upstream = settings { $0.upstream = true }
    private static let offered =
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits, "
        + "permessage-deflate; client_max_window_bits, permessage-deflate"
    private static let forgetting = settings {
        $0.upstream = true
        $0.contextTakeover = false
    }
    private static let offeredForgetting =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; "
        + "client_max_window_bits, permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        + "client_max_window_bits, permessage-deflate; server_max_window_bits=12; client_max_window_bits, "
        + "permessage-deflate"
    private static let answeredForgetting =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12"
    private static let chromium = "permessage-deflate; client_max_window_bits"

    static let examples: [Example] = [
        Example(
            testDescription: "the gateway compresses on the client's leg alone", client: chromium,
            answer: "permessage-deflate; client_max_window_bits=12", fromClient: "12 takeover > plain",
            fromServer: "plain > 12 takeover"),
        Example(
            testDescription: "a client that offers nothing", client: "", fromClient: "plain > plain",
            fromServer: "plain > plain"),
        Example(
            testDescription: "off", settings: settings { $0.mode = .off }, client: chromium,
            fromClient: "plain > plain", fromServer: "plain > plain"),
        Example(
            testDescription: "no memory", settings: upstream, allowance: .none, client: chromium,
            fromClient: "plain > plain", fromServer: "plain > plain"),
        Example(
            testDescription: "memory short", allowance: .noContextTakeover, client: chromium,
            answer: "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                + "client_max_window_bits=12", fromClient: "12 > plain", fromServer: "plain > 12"),
        Example(
            testDescription: "the server agrees as well", settings: upstream, client: chromium,
            offered: offered,
            server: "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            answer: "permessage-deflate; client_max_window_bits=12", fromClient: "12 takeover > 12 takeover",
            fromServer: "12 takeover > 12 takeover"),
        Example(
            testDescription: "the server gives up takeover of its client, and so the client is asked to",
            settings: upstream,
            client: chromium,
            offered: offered,
            server: "permessage-deflate; client_no_context_takeover; server_max_window_bits=12; "
                + "client_max_window_bits=10",
            answer: "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                + "client_max_window_bits=10", fromClient: "10 > 10", fromServer: "12 takeover > 10"),
        Example(
            testDescription: "nothing is to be remembered, and the server agrees", settings: forgetting,
            client: chromium, offered: offeredForgetting,
            server: "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                + "server_max_window_bits=12; client_max_window_bits=12",
            answer: answeredForgetting, fromClient: "12 > 12", fromServer: "12 > 12"),
        Example(
            testDescription:
                "the server keeps its context: what it sends is read with all of it, and forgotten by all else",
            settings: forgetting, client: chromium, offered: offeredForgetting,
            server: "permessage-deflate; server_max_window_bits=12", answer: answeredForgetting,
            fromClient: "12 > 15", fromServer: "12 takeover > 12"),
        Example(
            testDescription: "the server knows no parameter at all", settings: forgetting, client: chromium,
            offered: offeredForgetting, server: "permessage-deflate", answer: answeredForgetting,
            fromClient: "12 > 15", fromServer: "15 takeover > 12"),
        Example(
            testDescription: "memory short, and the server keeps its context", settings: upstream,
            allowance: .noContextTakeover, client: chromium, offered: offeredForgetting,
            server: "permessage-deflate", answer: answeredForgetting, fromClient: "12 > 15",
            fromServer: "15 takeover > 12"),
        Example(
            testDescription: "names in other cases, passed through", settings: settings { $0.mode = .passthrough },
            client: "PerMessage-Deflate; Server_Max_Window_Bits=10",
            offered: "permessage-deflate; server_max_window_bits=10",
            server: "Permessage-deflate; SERVER_max_window_bits=10",
            answer: "permessage-deflate; server_max_window_bits=10", fromClient: "15 takeover > 15 takeover",
            fromServer: "10 takeover > 10 takeover"),
        Example(
            testDescription: "the server declines", settings: upstream, client: chromium,
            offered: offered,
            answer: "permessage-deflate; client_max_window_bits=12", fromClient: "12 takeover > plain",
            fromServer: "plain > 12 takeover"),
        Example(
            testDescription: "the server compresses, the client knows nothing of it", settings: upstream, client: "",
            offered: offered,
            server: "permessage-deflate", fromClient: "plain > 15 takeover", fromServer: "15 takeover > plain"),
        Example(
            testDescription: "passed through", settings: settings { $0.mode = .passthrough },
            client: "foo, permessage-deflate; server_max_window_bits=10, permessage-deflate",
            offered: "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            server: "permessage-deflate; server_max_window_bits=9; client_no_context_takeover",
            answer: "permessage-deflate; server_max_window_bits=9; client_no_context_takeover",
            fromClient: "15 > 15", fromServer: "9 takeover > 9 takeover"),
        Example(
            testDescription: "passed through, and declined", settings: settings { $0.mode = .passthrough },
            client: chromium, offered: chromium, fromClient: "plain > plain", fromServer: "plain > plain"),
        Example(
            testDescription: "what is malformed or needs a window of 8 bits to compress with is passed over",
            client: "permessage-deflate; nonsense, permessage-deflate; server_max_window_bits=8, permessage-deflate",
            answer: "permessage-deflate", fromClient: "15 takeover > plain", fromServer: "plain > 12 takeover"),
    ]

    @Test("what is offered, answered and agreed", arguments: examples)
    func concludes(example: Example) throws {
        let plan = NegotiationPlan(
            settings: example.settings, clientOffers: Self.offers(example.client), allowance: example.allowance)
        #expect(plan.serverOffers.headerValue == example.offered)
        let agreed = try plan.conclude(serverAnswer: Self.offers(example.server))
        #expect(agreed.clientAnswer == example.answer)
        #expect(Self.describe(agreed.compression(from: .client)) == example.fromClient)
        #expect(Self.describe(agreed.compression(from: .server)) == example.fromServer)
    }

    private static func describe(_ compression: DirectionCompression) -> String {
        func half(_ half: DirectionCompression.Half?) -> String {
            half.map { "\($0.windowBits)" + ($0.takeover ? " takeover" : "") } ?? "plain"
        }
        return half(compression.incoming) + " > " + half(compression.outgoing)
    }

    @Test("what the gateway never accepts is named once each, in the client's order")
    func namesRefused() {
        let plan = NegotiationPlan(
            settings: .init(),
            clientOffers: Self.offers("deflate-stream, PerMessage-Deflate, x-webkit-deflate-frame, Deflate-Stream"),
            allowance: .full)
        #expect(plan.refusedNames == ["deflate-stream", "x-webkit-deflate-frame"])
    }

    @Test(
        "an answer to nothing that was offered is refused (RFC 6455 §9.1)",
        arguments: [
            ("permessage-deflate", CompressionSettings()), ("foo", upstream),
            ("permessage-deflate; server_max_window_bits=15", settings { $0.mode = .off }),
            ("permessage-deflate; client_max_window_bits=99", upstream),
        ])
    func refusesAnswer(answer: String, settings: CompressionSettings) {
        let plan = NegotiationPlan(settings: settings, clientOffers: Self.offers(Self.chromium), allowance: .full)
        #expect(throws: DeflateNegotiationError.self) { try plan.conclude(serverAnswer: Self.offers(answer)) }
    }

    @Test("compressed messages go on as they come where the receiver's window and memory reach far enough")
    func passesCompressed() {
        func half(_ bits: Int, _ takeover: Bool) -> DirectionCompression.Half {
            .init(windowBits: bits, takeover: takeover)
        }
        let table: [(DirectionCompression.Half?, DirectionCompression.Half?, Bool)] = [
            (half(12, true), half(12, true), true), (half(12, true), half(15, true), true),
            (half(12, false), half(12, true), true), (half(12, false), half(12, false), true),
            (half(12, true), half(12, false), false), (half(13, false), half(12, true), false),
            (nil, half(12, true), false), (half(12, true), nil, false), (nil, nil, false),
        ]
        for (incoming, outgoing, passes) in table {
            let compression = DirectionCompression(incoming: incoming, outgoing: outgoing)
            #expect(compression.passesCompressedMessages == passes, "\(compression)")
        }
    }
}
