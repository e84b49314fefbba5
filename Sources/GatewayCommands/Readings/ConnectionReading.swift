/// One open WebSocket of `GET /connections`, as far as the commands show it.
public struct ConnectionReading: Equatable, Sendable {
    public var id: UInt64
    public var client: String
    public var route: String
    public var server: String
    /// HTTP versions of both legs: `h2 > http/1.1`.
    public var protocols: String
    public var ageSeconds: Double
    public var messagesIn: Double
    public var messagesOut: Double
    public var bytesIn: Double
    public var bytesOut: Double
    public var compression: String
    /// Bytes that wait to be sent, to both sides.
    public var queuedBytes: Double

    /// nil: `json` is not the list that a gateway answers.
    public static func list(json: [UInt8]) -> [ConnectionReading]? {
        (AnswerDecoder.decoded(json) as [Answer]?)?.map(ConnectionReading.init)
    }

    private init(_ answer: Answer) {
        id = answer.id
        client = answer.client
        route = answer.route
        server = answer.server ?? ""
        protocols = [answer.protocol?.client, answer.protocol?.server].compactMap { $0 }.joined(separator: " > ")
        ageSeconds = answer.ageSeconds ?? 0
        messagesIn = answer.messages?.fromClient ?? 0
        messagesOut = answer.messages?.toClient ?? 0
        bytesIn = answer.bytes?.fromClient ?? 0
        bytesOut = answer.bytes?.toClient ?? 0
        compression = answer.compression ?? ""
        queuedBytes = (answer.queue?.toClient ?? 0) + (answer.queue?.toServer ?? 0)
    }

    // Its keys are those of the answer, whose words `_` separates.
    private struct Answer: Decodable {
        struct Legs: Decodable {
            var client: String?
            var server: String?
        }

        struct Ways: Decodable {
            var fromClient: Double?
            var toClient: Double?
        }

        struct Queue: Decodable {
            var toClient: Double?
            var toServer: Double?
        }

        var id: UInt64
        var client: String
        var route: String
        var server: String?
        var `protocol`: Legs?
        var ageSeconds: Double?
        var messages: Ways?
        var bytes: Ways?
        var compression: String?
        var queue: Queue?
    }
}
