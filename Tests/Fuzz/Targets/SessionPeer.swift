import PerMessageDeflate

/// One peer of a fuzzed session: what has come from it, what has gone to it, and what both mean by the letter of the
/// RFCs.
final class SessionPeer {
    /// A message as the applications see it.
    enum Plain: Equatable {
        case message(isText: Bool, payload: [UInt8])
        /// Compressed data that is none, or breaks a limit; the codes that its sender may get.
        case bad([Int])
        /// More than is worth comparing, or of a size whose ratio may be over the limit.
        case vast
    }

    /// What the gateway has read from it.
    var source: WireReader
    /// What the gateway has written to it.
    var sink: WireReader
    private(set) var sent: [Plain] = []
    private(set) var received: [Plain] = []
    private let sourceInflater: ReferenceInflater?
    private let sinkInflater: ReferenceInflater?
    private let sourceForgets: Bool
    private let sinkForgets: Bool
    private let limits: Limits

    /// What makes a message that is well formed a bad one.
    struct Limits {
        var maximumSize: Int
        var maximumRatio: Int
        var validatesUTF8: Bool
        /// A window narrower than the widest was agreed on for what comes in: data may refer too far back.
        var mayReachTooFar: Bool
    }

    init(isClient: Bool, agreed: DeflateParameters?, limits: Limits) {
        self.limits = limits
        source = WireReader(isMasked: isClient)
        source.allowsCompression = agreed != nil
        source.validatesUTF8 = limits.validatesUTF8
        source.maximumSize = limits.maximumSize
        sink = WireReader(isMasked: !isClient)
        sink.allowsCompression = agreed != nil
        sink.validatesUTF8 = limits.validatesUTF8
        sourceInflater = agreed == nil ? nil : ReferenceInflater()
        sinkInflater = agreed == nil ? nil : ReferenceInflater()
        let clientForgets = agreed?.clientNoContextTakeover ?? false
        let serverForgets = agreed?.serverNoContextTakeover ?? false
        sourceForgets = isClient ? clientForgets : serverForgets
        sinkForgets = isClient ? serverForgets : clientForgets
    }

    func sends(_ bytes: some Sequence<UInt8>) {
        source.append(bytes)
        while sent.count < source.messages.count {
            sent.append(plain(of: source.messages[sent.count], sourceInflater, forgets: sourceForgets, limits))
        }
    }

    func receives(_ bytes: some Sequence<UInt8>) {
        sink.append(bytes)
        while received.count < sink.messages.count {
            received.append(plain(of: sink.messages[received.count], sinkInflater, forgets: sinkForgets, nil))
        }
    }

    /// The codes that may be held against what it has sent so far.
    var faults: Set<Int> {
        var codes: Set<Int> = []
        if case .violation(let code) = source.end { codes.insert(code) }
        if source.message?.isCompressed == true { codes.formUnion([1007, 1009]) }
        for case .bad(let more) in sent { codes.formUnion(more) }
        let compressed = source.messages.contains { $0.isCompressed }
        if compressed, limits.mayReachTooFar { codes.insert(1007) }
        if sent.contains(.vast) { codes.insert(1009) }
        return codes
    }

    private func plain(
        of message: WireReader.Message, _ inflater: ReferenceInflater?, forgets: Bool, _ limits: Limits?
    ) -> Plain {
        guard message.isCompressed, let inflater else {
            return .message(isText: message.isText, payload: message.payload)
        }
        // What went over the budget was not read to its end, so nothing that refers back to it can be.
        if inflater.isBehind && !forgets { return .vast }
        if forgets { inflater.forget() }
        let result = inflater.inflate(message.payload)
        let output = result.output
        guard let limits else {
            if case .whole = result { return .message(isText: message.isText, payload: output) }
            if case .over = result { return .vast }
            return .bad([])
        }
        var faults: [Int] = []
        if case .refused = result { faults.append(1007) }
        if output.count > limits.maximumSize { faults.append(1009) }
        if message.isText, limits.validatesUTF8 {
            var scanned = 0
            let left = UTF8Reference.scan(output, from: &scanned)
            if left == nil { faults.append(1007) }
            if left != 0, case .whole = result { faults.append(1007) }
        }
        if !faults.isEmpty { return .bad(faults) }
        // The ratio is judged on the way, by how much was read when it was reached.
        let isOverRatio = limits.maximumRatio > 0 && output.count > 64 * 1024
        if case .over = result { return .vast }
        return isOverRatio ? .vast : .message(isText: message.isText, payload: output)
    }
}
