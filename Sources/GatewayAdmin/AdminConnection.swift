import GatewayPolicy
import NIOCore
import NIOHTTP1

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One connection to the admin endpoint: one request after the other, each answered before the next is looked at.
final class AdminConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// No request but a login needs a body. One that is sent all the same is read over, up to this many bytes.
    static let bodyLimit = 1 << 20
    /// What a login may have, in bytes.
    static let loginLimit = 4096

    private let source: AdminSource
    private let access: CurrentAccess
    private let feed: LiveFeed
    private var stream: LiveStream?
    private var body: [UInt8] = []
    private var head: HTTPRequestHead?
    private var bodyLength = 0
    /// The answer is being made.
    private var isBusy = false
    /// The last answer is on its way, or will be the one that is being made.
    private var isLast = false
    private var isOver = false

    init(source: AdminSource, access: CurrentAccess, feed: LiveFeed) {
        self.source = source
        self.access = access
        self.feed = feed
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            bodyLength = 0
            body = []
            // Some clients send no body before they have heard this (RFC 9110 §10.1.1).
            if head.version == .http1_1, head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }) {
                let go = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
            }
        case .body(let bytes):
            bodyLength += bytes.readableBytes
            let isLogin = head?.method == .POST && head?.uri == "/login"
            if isLogin, bodyLength <= Self.loginLimit { body += bytes.readableBytesView }
            let limit = isLogin ? Self.loginLimit : Self.bodyLimit
            guard bodyLength > limit, let head = head.take() else { return }
            isLast = true
            send(.text(413, "the body is over \(limit) bytes; no request here needs one"), for: head, context)
        case .end:
            guard let head = head.take() else { return }
            respond(to: head, context)
        }
    }

    private func respond(to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let request = AdminRequest(head, body: body)
        body = []
        let access = access.value
        let work = request.work(from: source, access: access)
        let caller = AdminCaller(
            peer: Self.peer(of: context.channel),
            hasToken: access.isToken(request.authorization) || request.hasSession(access))
        let question: AdminQuestion
        switch work {
        case .answer(let answer):
            return send(answer, for: head, context)
        case .drain:
            // Before anything else gets a turn: a gateway without connections is gone soon after.
            source.drain(caller)
            return send(.text(202, "draining"), for: head, context)
        case .live:
            return beginStream(for: request, head, context)
        case .ask(let asked):
            question = asked
        }
        isBusy = true
        let this = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let source = source
        context.eventLoop.makeFutureWithTask { await question.answer(from: source, for: caller) }.whenSuccess {
            answer in
            let (connection, context) = this.value
            connection.isBusy = false
            connection.send(answer, for: head, context)
        }
    }

    /// From here on the connection carries events, until the page goes or may see them no longer.
    private func beginStream(for request: AdminRequest, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard feed.enter() else { return send(.tooManyStreams, for: head, context) }
        isBusy = true
        isLast = true
        let headers = HTTPHeaders([
            ("Content-Type", AdminAnswer.eventStream), ("Cache-Control", "no-store"), ("Connection", "close"),
            ("Date", HTTPDate.text(secondsSince1970: time(nil))), ("X-Content-Type-Options", "nosniff"),
            // For a proxy in front that would collect what comes: nginx heeds it.
            ("X-Accel-Buffering", "no"),
        ])
        let response = HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)
        context.writeAndFlush(wrapOutboundOut(.head(response)), promise: nil)
        let access = access
        var request = request
        stream = LiveStream(
            feed: feed, channel: context.channel,
            mayGoOn: {
                request.now = MonotonicClock.seconds()
                return request.isGranted(access.value)
            },
            write: { [weak self] bytes in
                guard let self else { return }
                context.writeAndFlush(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
            },
            end: { context.close(promise: nil) })
        stream?.begin()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stream?.stop()
        stream = nil
        context.fireChannelInactive()
    }

    /// Its address as the log has it: IPv4 on listeners of both kinds too.
    private static func peer(of channel: any Channel) -> String {
        guard let address = channel.remoteAddress?.ipAddress else { return "unix" }
        return ClientAddress(parsing: address)?.description ?? address
    }

    private func send(_ answer: AdminAnswer, for head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard context.channel.isActive, !isOver else { return }
        isOver = isLast || !head.isKeepAlive
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType), ("Content-Length", String(answer.body.count)),
            ("Cache-Control", "no-store"), ("Date", HTTPDate.text(secondsSince1970: time(nil))),
        ])
        if let allow = answer.allow { headers.add(name: "Allow", value: allow) }
        if answer.isChallenge { headers.add(name: "WWW-Authenticate", value: "Bearer") }
        answer.addFields(to: &headers)
        if isOver {
            headers.add(name: "Connection", value: "close")
        } else if head.version == .http1_0 {
            headers.add(name: "Connection", value: "keep-alive")
        }
        let response = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        if head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
        }
        let done = isOver ? context.eventLoop.makePromise(of: Void.self) : nil
        let channel = context.channel
        done?.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        guard case ChannelEvent.inputClosed = event, !isOver else { return }
        // Some ask, end their half, and wait for the answer; whoever watches has gone.
        if isBusy, stream == nil { isLast = true } else { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is IOError { return context.close(promise: nil) }
        // The parser goes no further: whatever comes behind can't be told from the rest of this request. An answer that
        // is being made or sent still goes out.
        isLast = true
        guard !isOver, !isBusy else { return }
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        let head = head.take() ?? HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
        send(AdminAnswer.refusal(of: error), for: head, context)
    }
}

extension AdminAnswer {
    fileprivate func addFields(to headers: inout HTTPHeaders) {
        headers.add(name: "X-Content-Type-Options", value: "nosniff")
        if let contentSecurityPolicy {
            headers.add(name: "Content-Security-Policy", value: contentSecurityPolicy)
            headers.add(name: "Referrer-Policy", value: "same-origin")
            headers.add(name: "Cross-Origin-Opener-Policy", value: "same-origin")
        }
        if let setCookie { headers.add(name: "Set-Cookie", value: setCookie) }
        if let location { headers.add(name: "Location", value: location) }
        if let retryAfter { headers.add(name: "Retry-After", value: String(retryAfter)) }
        if let totalCount { headers.add(name: "X-Total-Count", value: String(totalCount)) }
    }

    /// What a request gets that the parser could not read.
    fileprivate static func refusal(of error: HTTPParserError) -> AdminAnswer {
        switch error {
        case .invalidMethod:
            var answer = AdminAnswer.text(405, "no path accepts this method")
            answer.allow = "GET, HEAD, POST, DELETE"
            return answer
        case .headerOverflow: return .text(431, "the header fields are too large")
        default: return .text(400, "the request is malformed")
        }
    }
}

extension AdminRequest {
    fileprivate init(_ head: HTTPRequestHead, body: [UInt8]) {
        let authorizations = head.headers["authorization"].map(FieldBytes.trimmed)
        self.init(
            method: head.method.rawValue, target: head.uri,
            authorization: authorizations.count == 1 ? authorizations[0] : nil,
            hosts: head.headers["host"].map(FieldBytes.trimmed),
            origins: head.headers["origin"].map(FieldBytes.trimmed), accept: head.headers["accept"],
            isHTTP10: head.version == .http1_0 || head.version == .http0_9, cookies: head.headers["cookie"], body: body,
            now: MonotonicClock.seconds())
    }
}
