import GatewayConfig
import WebSocketCore

@testable import GatewaySession
@testable import PerMessageDeflate

/// `Sec-WebSocket-Extensions`: `ExtensionHeader`, `DeflateOffer`, `DeflateNegotiation` and `NegotiationPlan`.
///
/// Invariant: what was read from a field is read the same again from what is written of it. The answer to a client is
/// one permessage-deflate that RFC 7692 §7.1 allows for one of its offers and no other extension, obsolete ones least
/// of all; what the client is told is what the session keeps to. A server's answer is taken only if it fits an offer
/// that was sent.
///
/// Input: a byte of settings, a byte of windows, then lines; those after the first empty one are the server's answer.
enum ExtensionsTarget {
    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        var input = InputBytes(bytes)
        let bits = input.byte()
        var settings = CompressionSettings()
        settings.mode = [.terminate, .passthrough, .terminate, .off][Int(bits & 3)]
        settings.upstream = bits & 4 != 0
        settings.contextTakeover = bits & 8 == 0
        settings.windowBits = 9 + Int(input.byte()) % 7
        let allowance: CompressionAllowance = bits & 16 == 0 ? .full : bits & 32 == 0 ? .noContextTakeover : .none
        var request: [String] = []
        var answer: [String] = []
        var isAnswer = false
        for line in input.all().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.isEmpty && !isAnswer {
                isAnswer = true
            } else if isAnswer {
                answer.append(String(decoding: line, as: UTF8.self))
            } else {
                request.append(String(decoding: line, as: UTF8.self))
            }
        }

        guard let offers = try read(request) else { return }
        for offer in offers { try checkDeflateOffer(offer) }
        let policy = DeflatePolicy(windowBits: settings.windowBits, contextTakeover: settings.contextTakeover)
        try checkAnswer(to: offers, policy: policy)
        let plan = NegotiationPlan(settings: settings, clientOffers: offers, allowance: allowance)
        try checkPlan(plan, offers)
        guard let answers = try read(answer) else { return }
        guard let agreed = try? plan.conclude(serverAnswer: answers) else { return }
        try checkConclusion(agreed, plan, answers, offers, settings)
    }

    /// The elements of the lines; nil when they follow no grammar.
    private static func read(_ lines: [String]) throws -> [ExtensionOffer]? {
        let offers: [ExtensionOffer]
        do {
            offers = try ExtensionHeader.parse(lines)
        } catch {
            let longest = lines.map(\.utf8.count).max() ?? 0
            try require(error.position >= 0 && error.position <= longest, "the error is at no byte of a line: \(error)")
            return nil
        }
        try require(offers.count <= ExtensionHeader.limit, "\(offers.count) elements were read")
        let again = try? ExtensionHeader.parse([offers.headerValue])
        try require(again == offers, "\"\(offers.headerValue)\" reads as \(String(describing: again)), not \(offers)")
        return offers
    }

    private static func checkDeflateOffer(_ offer: ExtensionOffer) throws {
        guard let deflate = DeflateOffer.parse(offer) else { return }
        try require(offer.name == "permessage-deflate", "\(offer.name) was taken for permessage-deflate")
        let windows = [deflate.serverMaxWindowBits, deflate.clientMaxWindowBits.bits].compactMap { $0 }
        try require(windows.allSatisfy { (8...15).contains($0) }, "windows of \(windows) bits were read")
        let again = DeflateOffer.parse(deflate.serialise())
        try require(again == deflate, "\(deflate) is written as \(deflate.serialise()) and read as something else")
        let names = Set(offer.parameters.map(\.name))
        try require(names.count == offer.parameters.count, "a parameter came twice in \(offer) and was taken")
    }

    private static func checkAnswer(to offers: [ExtensionOffer], policy: DeflatePolicy) throws {
        guard let (offer, agreed, header) = DeflateNegotiation.answer(offers, policy: policy) else {
            let possible = offers.compactMap { DeflateOffer.parse($0) }.contains { ($0.serverMaxWindowBits ?? 15) >= 9 }
            try require(!possible, "no answer to \(offers.headerValue)")
            return
        }
        try require(offers.contains { DeflateOffer.parse($0) == offer }, "\(offer) was answered, and not made")
        try checkFits(header, offer)
        try checkKept(agreed, header)
    }

    private static func checkPlan(_ plan: NegotiationPlan, _ offers: [ExtensionOffer]) throws {
        for refused in plan.refusedNames {
            try require(refused.lowercased() != "permessage-deflate", "permessage-deflate counts as refused")
            try require(offers.contains { $0.name == refused }, "\(refused) was refused, and not offered")
        }
        for offer in plan.serverOffers {
            try require(DeflateOffer.parse(offer) != nil, "\(offer) was offered to the server")
        }
    }

    private static func checkConclusion(
        _ agreed: SessionExtensions, _ plan: NegotiationPlan, _ answers: [ExtensionOffer], _ offers: [ExtensionOffer],
        _ settings: CompressionSettings
    ) throws {
        try require(answers.allSatisfy { $0.name == "permessage-deflate" }, "the server's \(answers) was taken")
        try require((agreed.server == nil) == answers.isEmpty, "server agreed on \(String(describing: agreed.server))")
        if let server = agreed.server, let answer = answers.first {
            let fits = plan.serverOffers.compactMap { DeflateOffer.parse($0) }.contains {
                fault(of: answer, to: $0) == nil
            }
            try require(fits, "\(answer) fits none of \(plan.serverOffers.headerValue)")
            // Towards the server the gateway may forget more than it was made to, and only if it is not to remember.
            let forgets = plan.serverOffers.first?.parameters.contains { $0.name == "client_no_context_takeover" }
            try checkKept(server, answer, forgets: settings.mode == .terminate && forgets == true)
        }
        guard let value = agreed.clientAnswer, let client = agreed.client else {
            try require(agreed.clientAnswer == nil && agreed.client == nil, "told and kept differ: \(agreed)")
            return
        }
        try require(settings.mode != .off, "compression is off, and was agreed on")
        let header = (try? ExtensionHeader.parse([value])) ?? []
        try require(header.count == 1, "the answer to the client is \"\(value)\", expected one element")
        let possible = offers.compactMap { DeflateOffer.parse($0) }
        let faults = possible.map { fault(of: header[0], to: $0) }
        try require(faults.contains(nil), "\"\(value)\" answers none of \(offers.headerValue): \(faults)")
        try checkKept(client, header[0])
        if settings.mode == .passthrough { try require(agreed.server == client, "the legs differ in passthrough") }
    }

    // MARK: RFC 7692 §7.1, read anew

    private static func checkFits(_ answer: ExtensionOffer, _ offer: DeflateOffer) throws {
        let fault = fault(of: answer, to: offer)
        try require(fault == nil, "\(answer) is no answer to \(offer.serialise()): \(fault ?? "")")
    }

    /// Why `answer` is none to `offer`.
    private static func fault(of answer: ExtensionOffer, to offer: DeflateOffer) -> String? {
        guard answer.name == "permessage-deflate" else { return "another extension" }
        var seen: [String: String?] = [:]
        for parameter in answer.parameters {
            guard seen.updateValue(parameter.value, forKey: parameter.name) == nil else { return "a parameter twice" }
            let isWindow = parameter.name.hasSuffix("_max_window_bits")
            guard isWindow == (parameter.value != nil) else { return "a value where none is, or none" }
            if isWindow, !["8", "9", "10", "11", "12", "13", "14", "15"].contains(parameter.value) {
                return "a window"
            }
            let known = ["server_no_context_takeover", "client_no_context_takeover"]
            guard isWindow || known.contains(parameter.name) else { return "an unknown parameter" }
        }
        if offer.serverNoContextTakeover && seen["server_no_context_takeover"] == nil { return "takeover" }
        if let most = offer.serverMaxWindowBits {
            guard let bits = window("server_max_window_bits", of: answer), bits <= most else { return "server window" }
        }
        if let bits = window("client_max_window_bits", of: answer) {
            if offer.clientMaxWindowBits == .absent { return "client window, not offered" }
            if let most = offer.clientMaxWindowBits.bits, bits > most { return "client window" }
        }
        return nil
    }

    /// Whether a session that keeps to `agreed` keeps to what `answer` told the peer.
    ///
    /// - Parameter forgets: the client starts each message with an empty window, whatever it was told.
    private static func checkKept(
        _ agreed: DeflateParameters, _ answer: ExtensionOffer, forgets: Bool = false
    ) throws {
        let names = answer.parameters.map(\.name)
        let serverBits = window("server_max_window_bits", of: answer) ?? 15
        let clientBits = window("client_max_window_bits", of: answer) ?? 15
        try require(
            agreed.serverNoContextTakeover == names.contains("server_no_context_takeover")
                && agreed.clientNoContextTakeover == (forgets || names.contains("client_no_context_takeover"))
                && agreed.serverMaxWindowBits <= serverBits && agreed.clientMaxWindowBits == clientBits,
            "\(agreed) was agreed on with \"\(answer)\"")
    }

    private static func window(_ name: String, of element: ExtensionOffer) -> Int? {
        element.parameters.first { $0.name == name }?.value.flatMap { Int($0) }
    }
}

extension DeflateOffer.ClientWindow {
    fileprivate var bits: Int? {
        guard case .atMost(let bits) = self else { return nil }
        return bits
    }
}
