import GatewaySession
import NIOCore
import PerMessageDeflate
import WebSocketCore

/// What must be true of a fuzzed session, by what its two peers have said and got.
struct SessionJudge {
    let harness: SessionHarness
    /// The account of zlib's memory was too small for everything.
    let isShort: Bool
    private var compared: [Leg: Int] = [:]

    init(harness: SessionHarness, isShort: Bool) {
        self.harness = harness
        self.isShort = isShort
    }

    /// What has arrived is what was sent, whole and in order.
    mutating func judgeReceived() throws {
        for leg in Leg.allCases {
            let got = harness[peer: leg].received
            let sent = harness[peer: leg.other].sent
            try require(got.count <= sent.count, "the \(leg) got \(got.count) messages of \(sent.count)")
            for index in compared[leg, default: 0]..<got.count {
                switch sent[index] {
                case .message where got[index] == .vast: break
                case .message:
                    try require(got[index] == sent[index], "message \(index) reached the \(leg) as another")
                case .bad(let codes):
                    throw BrokenInvariant("message \(index), which deserves \(codes), reached the \(leg)")
                case .vast:
                    break
                }
                try judgeEnd(of: index, to: leg)
            }
            compared[leg] = got.count
            try judgeUnfinished(leg)
            try judgeControl(leg)
        }
    }

    /// A message that was rewritten has no empty fragment at its end.
    private func judgeEnd(of index: Int, to leg: Leg) throws {
        let message = harness[peer: leg].sink.messages[index]
        let original = harness[peer: leg.other].source.messages[index]
        guard message.endsEmpty else { return }
        let mayPass = !message.isCompressed || passesCompressed(from: leg.other)
        try require(
            original.endsEmpty && original.isCompressed == message.isCompressed && mayPass,
            "message \(index) to the \(leg) was rewritten and ends with an empty fragment")
    }

    /// The sender's window and takeover are within what was agreed on with the receiver.
    private func passesCompressed(from leg: Leg) -> Bool {
        guard let client = harness.extensions.client, let server = harness.extensions.server else { return false }
        return leg == .client
            ? client.clientMaxWindowBits <= server.clientMaxWindowBits
                && (client.clientNoContextTakeover || !server.clientNoContextTakeover)
            : server.serverMaxWindowBits <= client.serverMaxWindowBits
                && (server.serverNoContextTakeover || !client.serverNoContextTakeover)
    }

    /// The message that is on its way begins as the one that was sent.
    private func judgeUnfinished(_ leg: Leg) throws {
        guard let message = harness[peer: leg].sink.message, !message.isCompressed else { return }
        let index = harness[peer: leg].received.count
        let source = harness[peer: leg.other]
        if index < source.sent.count {
            guard case .message(let isText, let payload) = source.sent[index] else { return }
            try require(
                isText == message.isText && payload.starts(with: message.payload),
                "the message on its way to the \(leg) is not the one that was sent")
        } else if let begun = source.source.message {
            try require(begun.isText == message.isText, "the message on its way to the \(leg) is of the other kind")
            guard !begun.isCompressed else { return }
            try require(
                begun.payload.starts(with: message.payload),
                "the message on its way to the \(leg) is not the one that is being sent")
        } else {
            let isRefused = if case .violation = source.source.end { true } else { false }
            try require(isRefused, "a message is on its way to the \(leg) that nobody sends")
        }
    }

    private func judgeControl(_ leg: Leg) throws {
        let pings = foreign(harness[peer: leg].sink.pings)
        let sent = foreign(harness[peer: leg.other].source.pings)
        try require(sent.starts(with: pings), "the \(leg) got pings that were not sent, or out of order")
        let pongs = harness[peer: leg].sink.pongs
        let answers = harness[peer: leg.other].source.pongs
        try require(pongs.allSatisfy { answers.contains($0) }, "the \(leg) got a pong that was not sent")
        guard case .close(let payload) = harness[peer: leg].sink.end else { return }
        try judgeClose(payload, to: leg)
    }

    /// Pings but those that may be the gateway's own.
    private func foreign(_ pings: [[UInt8]]) -> LazyFilterSequence<[[UInt8]]> {
        pings.lazy.filter { !($0.count == 10 && $0.starts(with: "sluice".utf8)) }
    }

    private func judgeClose(_ payload: [UInt8], to leg: Leg) throws {
        if harness[peer: leg.other].source.end == .close(payload: payload) { return }
        let own: [UInt8]? = if case .close(let payload) = harness[peer: leg].source.end { payload } else { nil }
        // The other side never answered: its Close is answered by the gateway, with the code alone.
        if let own, Array(own.prefix(2)) == payload { return }
        try require(payload.count >= 2, "an empty Close went to the \(leg), and nobody sent one")
        let code = Int(payload[0]) << 8 | Int(payload[1])
        let isAllowed =
            switch code {
            case 1001, 1011: true
            case 1002, 1007, 1009: harness[peer: leg].faults.contains(code)
            case 1013: isShort
            default: harness.ordered.contains(code)
            }
        try require(
            isAllowed || harness.ordered.contains(code),
            "the \(leg) got a Close with \(code); what it sent deserves \(harness[peer: leg].faults.sorted())")
    }

    /// With both transports taking bytes, all that was sent has arrived; or the session is ending.
    func judgeDelivered() throws {
        guard harness.outcome == nil, !harness.isClosing else { return }
        var messages = 0
        for leg in Leg.allCases {
            let link = harness[leg]
            let peer = harness[peer: leg]
            try require(
                link.sent == link.outbox.count,
                "\(link.outbox.count - link.sent) bytes of the \(leg) are never read, and nothing ends the session")
            try require(peer.source.end == .open, "the \(leg) sent \(peer.source.end), and the session goes on")
            for case .bad(let codes) in peer.sent {
                throw BrokenInvariant("a message of the \(leg) deserves \(codes), and the session goes on")
            }
            let received = harness[peer: leg.other].received.count
            try require(received == peer.sent.count, "\(received) messages of \(peer.sent.count) came from the \(leg)")
            let pings = foreign(harness[peer: leg.other].sink.pings)
            try require(pings.elementsEqual(foreign(peer.source.pings)), "pings of the \(leg) did not arrive")
            messages += peer.sent.count
        }
        try require(
            harness.messagesCounted == messages, "\(harness.messagesCounted) messages were counted, sent \(messages)")
    }

    /// After all of it.
    func judgeEnd() throws {
        guard let outcome = harness.outcome else {
            throw BrokenInvariant("the session did not end a minute after it was told to")
        }
        let code = Int(outcome.code)
        switch outcome.closer {
        case .client: try judgePeerClose(code, by: .client)
        case .server: try judgePeerClose(code, by: .server)
        case .gateway:
            let faults = harness[peer: .client].faults.union(harness[peer: .server].faults)
            let isAllowed = code == 1001 || code == 1013 && isShort || faults.contains(code)
            try require(
                isAllowed || harness.ordered.contains(code), "the outcome is \(outcome), the faults \(faults.sorted())")
        }
        try require(outcome.reason.utf8.count <= 123, "the reason is too long: \(outcome)")
        try require(harness.zlibMemory == 0, "\(harness.zlibMemory) bytes of zlib state are held after the end")
        harness.pool.trim()
        try require(harness.memory.used == 0, "\(harness.memory.used) bytes of zlib state are left")
    }

    private func judgePeerClose(_ code: Int, by leg: Leg) throws {
        guard case .close(let payload) = harness[peer: leg].source.end, code != 1006 else {
            try require(code == 1006, "the outcome is \(code) by the \(leg), which sent no Close")
            return
        }
        let sent = payload.count < 2 ? 1005 : Int(payload[0]) << 8 | Int(payload[1])
        try require(code == sent, "the outcome is \(code) by the \(leg), which sent \(sent)")
    }
}
