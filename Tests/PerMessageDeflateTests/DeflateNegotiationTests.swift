import PerMessageDeflate
import Testing
import WebSocketCore

@Suite("The server's answer (RFC 7692 §5.1 and §7.1)")
struct DeflateAnswerTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var offers: String
        var policy = DeflatePolicy(windowBits: 12)
        var answer: String?
        var agreed: DeflateParameters?
    }

    static let examples: [Example] = [
        Example(
            testDescription: "Chromium", offers: "permessage-deflate; client_max_window_bits",
            answer: "permessage-deflate; client_max_window_bits=12",
            agreed: DeflateParameters(serverMaxWindowBits: 12, clientMaxWindowBits: 12)),
        Example(
            testDescription: "Firefox, Safari", offers: "permessage-deflate", answer: "permessage-deflate",
            agreed: DeflateParameters(serverMaxWindowBits: 12)),
        Example(testDescription: "old WebKit", offers: "x-webkit-deflate-frame"),
        Example(testDescription: "Firefox before 8", offers: "deflate-stream"),
        Example(
            testDescription: "WebKit in transition", offers: "x-webkit-deflate-frame, permessage-deflate",
            answer: "permessage-deflate", agreed: DeflateParameters(serverMaxWindowBits: 12)),
        Example(
            testDescription: "Python websockets",
            offers: "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            answer: "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            agreed: DeflateParameters(serverMaxWindowBits: 12, clientMaxWindowBits: 12)),
        Example(
            testDescription: "Java-WebSocket",
            offers: "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            answer: "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            agreed: DeflateParameters(
                serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 12)),
        Example(
            testDescription: "a client that offers a parameter as an extension",
            offers: "permessage-deflate, client_max_window_bits", answer: "permessage-deflate",
            agreed: DeflateParameters(serverMaxWindowBits: 12)),
        Example(
            testDescription: "smaller windows than the policy's",
            offers: "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8",
            answer: "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8",
            agreed: DeflateParameters(serverMaxWindowBits: 9, clientMaxWindowBits: 8)),
        Example(
            testDescription: "greater windows than the policy's",
            offers: "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
            answer: "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            agreed: DeflateParameters(serverMaxWindowBits: 12, clientMaxWindowBits: 12)),
        Example(
            testDescription: "server_no_context_takeover offered",
            offers: "permessage-deflate; server_no_context_takeover",
            answer: "permessage-deflate; server_no_context_takeover",
            agreed: DeflateParameters(serverNoContextTakeover: true, serverMaxWindowBits: 12)),
        Example(
            testDescription: "client_no_context_takeover offered",
            offers: "permessage-deflate; client_no_context_takeover",
            answer: "permessage-deflate; client_no_context_takeover",
            agreed: DeflateParameters(clientNoContextTakeover: true, serverMaxWindowBits: 12)),
        Example(
            testDescription: "a policy without context takeover", offers: "permessage-deflate",
            policy: DeflatePolicy(windowBits: 15, contextTakeover: false),
            answer: "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            agreed: DeflateParameters(serverNoContextTakeover: true, clientNoContextTakeover: true)),
        Example(
            testDescription: "a window zlib cannot compress with",
            offers: "permessage-deflate; server_max_window_bits=8"),
        Example(
            testDescription: "the second offer, where the first cannot be met",
            offers: "permessage-deflate; server_max_window_bits=8, permessage-deflate",
            answer: "permessage-deflate", agreed: DeflateParameters(serverMaxWindowBits: 12)),
        Example(
            testDescription: "the second offer, where the first is malformed",
            offers: "permessage-deflate; server_max_window_bits=99, permessage-deflate; client_max_window_bits",
            answer: "permessage-deflate; client_max_window_bits=12",
            agreed: DeflateParameters(serverMaxWindowBits: 12, clientMaxWindowBits: 12)),
        Example(
            testDescription: "the first of two good offers (RFC 7692 §5.2)",
            offers: "permessage-deflate; client_no_context_takeover, permessage-deflate",
            answer: "permessage-deflate; client_no_context_takeover",
            agreed: DeflateParameters(clientNoContextTakeover: true, serverMaxWindowBits: 12)),
        Example(
            testDescription: "names in other cases are the same names (RFC 9110 §5.6.6, §7.8)",
            offers: "PERMESSAGE-Deflate; Client_Max_Window_Bits=11; server_NO_context_takeover",
            answer: "permessage-deflate; server_no_context_takeover; client_max_window_bits=11",
            agreed: DeflateParameters(
                serverNoContextTakeover: true, serverMaxWindowBits: 12, clientMaxWindowBits: 11)),
        Example(
            testDescription: "a parameter twice, in two cases",
            offers: "permessage-deflate; client_no_context_takeover; Client_no_context_takeover"),
        Example(testDescription: "no offer", offers: ""),
    ]

    @Test("to", arguments: examples)
    func answer(example: Example) throws {
        let offers = try ExtensionHeader.parse([example.offers])
        let answer = DeflateNegotiation.answer(offers, policy: example.policy)
        #expect(answer?.header.description == example.answer)
        #expect(answer?.agreed == example.agreed)
        if let answer {
            // What this side answers as a server, it would accept as a client; but for the window of 8 bits.
            if answer.agreed.clientMaxWindowBits > 8 {
                #expect(try DeflateNegotiation.verify(answer: [answer.header], offers: offers) != nil)
            }
        }
    }

    @Test("keeps the policy's window to what zlib has", arguments: [(0, 9), (8, 9), (9, 9), (15, 15), (16, 15)])
    func policy(bits: Int, used: Int) {
        var policy = DeflatePolicy(windowBits: bits)
        #expect(policy.windowBits == used)
        policy.windowBits = bits
        #expect(policy.windowBits == used)
    }
}

@Suite("The client's offer and the answer to it (RFC 7692 §5 and §7.1)")
struct DeflateVerifyTests {
    static let chromium = "permessage-deflate; client_max_window_bits"

    private static let forgetting = "server_no_context_takeover; client_no_context_takeover"

    static let offered: [(DeflatePolicy, [String])] = [
        (DeflatePolicy(), ["permessage-deflate; client_max_window_bits", "permessage-deflate"]),
        (
            DeflatePolicy(windowBits: 12),
            [
                "permessage-deflate; server_max_window_bits=12; client_max_window_bits",
                "permessage-deflate; client_max_window_bits", "permessage-deflate",
            ]
        ),
        (
            DeflatePolicy(contextTakeover: false),
            [
                "permessage-deflate; \(forgetting); client_max_window_bits",
                "permessage-deflate; client_max_window_bits", "permessage-deflate",
            ]
        ),
        (
            DeflatePolicy(windowBits: 9, contextTakeover: false),
            [
                "permessage-deflate; \(forgetting); server_max_window_bits=9; client_max_window_bits",
                "permessage-deflate; \(forgetting); client_max_window_bits",
                "permessage-deflate; server_max_window_bits=9; client_max_window_bits", "permessage-deflate",
            ]
        ),
    ]

    @Test("offers, best first, and at last one without parameters", arguments: offered)
    func offer(policy: DeflatePolicy, offers: [String]) throws {
        #expect(DeflateNegotiation.offer(policy: policy).map(\.description) == offers)
    }

    static let accepted: [(offers: String, answer: String, agreed: DeflateParameters?)] = [
        (chromium, "", nil),
        (chromium, "permessage-deflate", DeflateParameters()),
        (chromium, "permessage-deflate; client_max_window_bits=10", DeflateParameters(clientMaxWindowBits: 10)),
        // µWebSockets, its 4 KiB compressor and its shared one
        (chromium, "permessage-deflate; server_max_window_bits=9", DeflateParameters(serverMaxWindowBits: 9)),
        (
            chromium, "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
            DeflateParameters(serverNoContextTakeover: true, clientNoContextTakeover: true)
        ),
        (
            "permessage-deflate", "permessage-deflate; server_max_window_bits=8",
            DeflateParameters(serverMaxWindowBits: 8)
        ),
        (
            "permessage-deflate; server_max_window_bits=12, permessage-deflate", "permessage-deflate",
            DeflateParameters()
        ),
        (
            "permessage-deflate; server_max_window_bits=12", "permessage-deflate; server_max_window_bits=10",
            DeflateParameters(serverMaxWindowBits: 10)
        ),
        (
            "permessage-deflate; client_max_window_bits=12", "permessage-deflate; client_max_window_bits=12",
            DeflateParameters(clientMaxWindowBits: 12)
        ),
        // A hint, which the answer need not repeat (§7.1.1.2)
        ("permessage-deflate; client_no_context_takeover", "permessage-deflate", DeflateParameters()),
        ("other, permessage-deflate", "other; x=1, permessage-deflate", DeflateParameters()),
        // Names are compared without regard to case (RFC 9110 §5.6.6, §7.8)
        (
            "permessage-deflate; server_no_context_takeover; client_max_window_bits",
            "PerMessage-Deflate; Server_No_Context_Takeover; CLIENT_MAX_WINDOW_BITS=10",
            DeflateParameters(serverNoContextTakeover: true, clientMaxWindowBits: 10)
        ),
        ("other", "other", nil),
    ]

    @Test("accepts", arguments: accepted)
    func accept(offers: String, answer: String, agreed: DeflateParameters?) throws {
        let verified = try DeflateNegotiation.verify(
            answer: try ExtensionHeader.parse([answer]), offers: try ExtensionHeader.parse([offers]))
        #expect(verified == agreed)
    }

    @Test(
        "whatever parameters a server does not know and leaves out, its answer is taken",
        arguments: [9, 12, 15], [true, false])
    func unknownParameters(windowBits: Int, contextTakeover: Bool) throws {
        let offers = DeflateNegotiation.offer(
            policy: DeflatePolicy(windowBits: windowBits, contextTakeover: contextTakeover))
        let parameters = ["server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits=9"]
        for bits in 0..<8 {
            let known = parameters.indices.filter { bits & 1 << $0 != 0 }.map { "; " + parameters[$0] }
            let answer = "permessage-deflate" + known.joined()
            let agreed = try DeflateNegotiation.verify(answer: try ExtensionHeader.parse([answer]), offers: offers)
            #expect(agreed?.serverNoContextTakeover == (bits & 1 != 0), "\(answer)")
            #expect(agreed?.clientNoContextTakeover == (bits & 2 != 0), "\(answer)")
            #expect(agreed?.serverMaxWindowBits == (bits & 4 != 0 ? 9 : 15), "\(answer)")
        }
        // One that declines what it does not know has an offer to accept, whichever that is.
        for parameter in ["server_no_context_takeover", "server_max_window_bits", "client_max_window_bits"] {
            #expect(offers.contains { !$0.parameters.map(\.name).contains(parameter) }, "\(parameter)")
        }
    }

    static let refused: [(offers: String, answer: String, says: String)] = [
        ("", "permessage-deflate", "did not offer"),
        (chromium, "x-webkit-deflate-frame", "\"x-webkit-deflate-frame\", which the gateway did not offer"),
        (chromium, "permessage-deflate, other", "\"other\", which the gateway did not offer"),
        (chromium, "permessage-deflate, permessage-deflate", "2 times"),
        (chromium, "permessage-deflate, Permessage-Deflate", "2 times"),
        (chromium, "permessage-deflate; server_no_context_takeover; SERVER_no_context_takeover", "twice"),
        (chromium, "permessage-deflate; foo", "foo is not a parameter"),
        (chromium, "permessage-deflate; client_max_window_bits", "has no value"),
        (chromium, "permessage-deflate; client_max_window_bits=7", "expected 8 to 15"),
        (chromium, "permessage-deflate; client_max_window_bits=010", "expected 8 to 15"),
        (chromium, "permessage-deflate; client_max_window_bits=8", "zlib can't compress"),
        (chromium, "permessage-deflate; server_max_window_bits", "has no value"),
        (chromium, "permessage-deflate; server_max_window_bits=16", "expected 8 to 15"),
        (chromium, "permessage-deflate; server_no_context_takeover=1", "expected no value"),
        (chromium, "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "twice"),
        ("permessage-deflate", "permessage-deflate; client_max_window_bits=10", "did not offer it"),
        (
            "permessage-deflate; client_max_window_bits=10", "permessage-deflate; client_max_window_bits=11",
            "at most 10"
        ),
        (
            "permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=11",
            "at most 10"
        ),
        ("permessage-deflate; server_max_window_bits=10", "permessage-deflate", "is missing"),
        ("permessage-deflate; server_no_context_takeover", "permessage-deflate", "is missing"),
        ("permessage-deflate; foo", "permessage-deflate", "no valid"),
    ]

    @Test("refuses", arguments: refused)
    func refuse(offers: String, answer: String, says: String) throws {
        let error = try #require(throws: DeflateNegotiationError.self) {
            try DeflateNegotiation.verify(
                answer: try ExtensionHeader.parse([answer]), offers: try ExtensionHeader.parse([offers]))
        }
        #expect(error.message.contains(says), "\(error)")
    }
}
