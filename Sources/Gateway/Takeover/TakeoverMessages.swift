#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the two processes say to each other, each a line of JSON:
///
/// ```
/// new → old  {"sluice":1,"pid":4711}
/// old → new  {"sockets":[{"name":"public","address":"0.0.0.0:8443","count":2}]}   with the descriptors, in this order
/// new → old  {"ready":true}      it accepts connections
/// old → new  {"ended":true}      it no longer does, and has taken its takeover socket away
/// ```
///
/// Either side may say `{"error":"why"}` instead and end the connection: then the old one goes on as before.
enum TakeoverMessage {
    /// Raised with every change that a process of another version would not understand.
    static let version = 1

    struct Hello: Codable, Equatable {
        var sluice: Int
        var pid: Int
    }

    struct Offer: Codable, Equatable {
        struct Socket: Codable, Equatable {
            var name: String
            var address: String
            var count: Int
        }
        var sockets: [Socket]
    }

    struct Ready: Codable, Equatable { var ready: Bool }

    struct Ended: Codable, Equatable { var ended: Bool }

    struct Refusal: Codable, Equatable { var error: String }

    /// The line, with its end.
    ///
    /// - Throws: `TakeoverError` for a line that is too long.
    static func line(_ message: some Encodable) throws -> [UInt8] {
        let line = [UInt8](try JSONEncoder().encode(message)) + [UInt8(ascii: "\n")]
        guard line.count <= TakeoverConnection.longestLine else {
            throw TakeoverError(
                description: "expected at most \(TakeoverConnection.longestLine) bytes to describe the listening "
                    + "sockets, needed \(line.count); restart without --takeover")
        }
        return line
    }

    /// - Throws: `TakeoverError` for a refusal, or for any other message than the one expected.
    static func read<Message: Decodable>(_ type: Message.Type, from line: [UInt8]) throws -> Message {
        let data = Data(line)
        if let message = try? JSONDecoder().decode(type, from: data) { return message }
        if let refusal = try? JSONDecoder().decode(Refusal.self, from: data) {
            throw TakeoverError(description: String(refusal.error.prefix(1000)))
        }
        throw TakeoverError(
            description:
                "expected the other process's \(type), got \(line.count) bytes of something else; is it sluice?")
    }
}
