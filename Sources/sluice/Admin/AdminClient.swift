import Gateway
import GatewayConfig
import NIOCore
import NIOHTTP1
import NIOPosix

/// Asks a running gateway's admin endpoint: one request a connection.
struct AdminClient {
    /// The longest answer that is read where nothing else is said, in bytes.
    static let answerLimit = 1 << 20

    struct Answer {
        var status: Int
        var body: [UInt8]

        var text: String {
            let text = String(decoding: body, as: UTF8.self)
            return text.hasSuffix("\n") ? String(text.dropLast()) : text
        }

        /// Its first line, for a message.
        var line: String {
            String(decoding: body.prefix { $0 != 0x0A }.prefix(500), as: UTF8.self)
        }
    }

    private let target: AdminTarget
    /// From the start of connecting to the last byte of the answer, in seconds.
    private let timeLimit: Int
    private let group: MultiThreadedEventLoopGroup

    /// Exits with 3 when the process may not open what an event loop needs.
    init(_ target: AdminTarget, timeLimit: Int = 30) throws {
        do {
            try FileDescriptorLimit.check(forLoops: 1)
        } catch {
            StandardError.print("error: \(error)")
            throw Exit.notReached
        }
        self.target = target
        self.timeLimit = timeLimit
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    }

    /// - Parameter limit: the longest answer that is read, in bytes.
    /// - Throws: `AdminFailure`
    func ask(_ method: String, _ path: String, limit: Int = answerLimit) async throws -> Answer {
        let loop = group.next()
        let answer = loop.makePromise(of: Answer.self)
        let seconds = timeLimit
        let time = TimeAmount.seconds(Int64(seconds))
        let timeout = loop.scheduleTask(in: time) { answer.fail(AdminFailure.timedOut(seconds: seconds)) }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(time)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandlers(
                        NIOHTTPClientResponseAggregator(maxContentLength: limit), AnswerReader(answer))
                }
            }
        let connecting =
            switch target.address {
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        let token = target.token
        connecting.whenFailure { answer.fail(AdminFailure.notConnected($0)) }
        connecting.whenSuccess { Self.send(method, path, token: token, on: $0) }
        do {
            let received = try await answer.futureResult.get()
            timeout.cancel()
            return received
        } catch {
            timeout.cancel()
            let failure = AdminFailure(error)
            if case .tooLong = failure { throw AdminFailure.tooLong(limit: limit) }
            throw failure
        }
    }

    /// Answers come by address: a name would have to be one of `admin.hosts`.
    private static func send(_ method: String, _ path: String, token: String?, on channel: any Channel) {
        let peer = channel.remoteAddress
        let host =
            if let ip = peer?.ipAddress, let port = peer?.port { "\(Address.tcp(host: ip, port: port))" } else {
                "localhost"
            }
        var headers = HTTPHeaders([
            ("Host", host), ("User-Agent", "sluice/\(Gateway.version)"), ("Connection", "close"),
        ])
        if method != "GET" { headers.add(name: "Content-Length", value: "0") }
        if let token { headers.add(name: "Authorization", value: "Bearer \(token)") }
        let head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: path, headers: headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }
}

/// Takes the answer from the pipeline, and ends the connection.
private final class AnswerReader: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull

    private var answer: EventLoopPromise<AdminClient.Answer>?

    init(_ answer: EventLoopPromise<AdminClient.Answer>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let response = unwrapInboundIn(data)
        answer.take()?.succeed(
            .init(status: Int(response.head.status.code), body: response.body.map { Array($0.readableBytesView) } ?? [])
        )
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.take()?.fail(AdminFailure(error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.take()?.fail(AdminFailure.cut)
        context.fireChannelInactive()
    }
}
