import PerMessageDeflate
import Testing
import WebSocketCore

@Suite("Offer of permessage-deflate (RFC 7692 §7.1)")
struct DeflateOfferTests {
    static let offers: [(String, DeflateOffer)] = [
        ("permessage-deflate", DeflateOffer()),
        ("permessage-deflate; client_max_window_bits", DeflateOffer(clientMaxWindowBits: .anyValue)),
        ("permessage-deflate; client_max_window_bits=10", DeflateOffer(clientMaxWindowBits: .atMost(10))),
        // Names in any case (RFC 9110 §5.6.6, §7.8)
        ("Permessage-Deflate", DeflateOffer()),
        ("permessage-deflate; Server_no_context_takeover", DeflateOffer(serverNoContextTakeover: true)),
        ("permessage-deflate; server_max_window_bits=8", DeflateOffer(serverMaxWindowBits: 8)),
        ("permessage-deflate; server_max_window_bits=15", DeflateOffer(serverMaxWindowBits: 15)),
        ("permessage-deflate; server_max_window_bits=\"10\"", DeflateOffer(serverMaxWindowBits: 10)),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            DeflateOffer(serverNoContextTakeover: true, clientNoContextTakeover: true)
        ),
        (
            "permessage-deflate; client_max_window_bits=9; server_max_window_bits=12; client_no_context_takeover",
            DeflateOffer(clientNoContextTakeover: true, serverMaxWindowBits: 12, clientMaxWindowBits: .atMost(9))
        ),
    ]

    @Test("is read, and written so that it reads the same", arguments: offers)
    func parse(field: String, offer: DeflateOffer) throws {
        let element = try #require(try ExtensionHeader.parse([field]).first)
        #expect(DeflateOffer.parse(element) == offer)
        #expect(DeflateOffer.parse(offer.serialise()) == offer)
    }

    @Test(
        "is declined",
        arguments: [
            "x-webkit-deflate-frame", "deflate-stream", "permessage-bzip2", "client_max_window_bits",
            "permessage-deflate; foo", "permessage-deflate; server_no_context_takeovers",
            "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits=010", "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=ten",
            "permessage-deflate; server_max_window_bits=99999999999999999999",
            "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=015", "permessage-deflate; client_max_window_bits=1.5",
            "permessage-deflate; client_max_window_bits; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        ])
    func decline(field: String) throws {
        let element = try #require(try ExtensionHeader.parse([field]).first)
        #expect(DeflateOffer.parse(element) == nil)
    }
}
