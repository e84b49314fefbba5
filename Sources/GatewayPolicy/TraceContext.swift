public import HTTPTypes

/// `traceparent` (W3C Trace Context): the trace that a request belongs to.
///
/// The gateway makes no spans, so a valid field goes on as it came, with the `tracestate` beside it: servers see their
/// caller's span as their parent. A request without one, or with one that is not valid, begins a new trace here.
public struct TraceContext: Equatable, Sendable {
    /// The value of `traceparent` to send on.
    public let traceparent: String
    /// 32 hexadecimal digits in lower case.
    public let traceID: String
    /// Whether the trace begins here; a `tracestate` that came is of no trace then (§3.3.1.4 of the recommendation).
    public let isNew: Bool

    /// - Parameters:
    ///   - fields: the request's, from anyone.
    ///   - random: 64 random bits each time; asked three times for a new trace, and never else.
    public static func take(from fields: HTTPFields, random: () -> UInt64) -> TraceContext {
        let sent = fields[values: .traceparent]
        if sent.count == 1, let value = sent.first, let traceID = traceID(of: value) {
            return TraceContext(traceparent: value, traceID: traceID, isNew: false)
        }
        // All zeros are no identifiers.
        let trace = (random(), max(1, random()))
        let parent = max(1, random())
        let traceID = String(unsafeUninitializedCapacity: 32) { text in
            HexadecimalText.write(trace.0, to: text, at: 0)
            HexadecimalText.write(trace.1, to: text, at: 16)
            return 32
        }
        // "Sampled": the gateway's log has the request, and servers that decide by their caller would trace nothing at
        // all of what comes through a gateway that says otherwise.
        let traceparent = String(unsafeUninitializedCapacity: 55) { text in
            _ = text.initialize(from: "00-00000000000000000000000000000000-0000000000000000-01".utf8)
            HexadecimalText.write(trace.0, to: text, at: 3)
            HexadecimalText.write(trace.1, to: text, at: 19)
            HexadecimalText.write(parent, to: text, at: 36)
            return 55
        }
        return TraceContext(traceparent: traceparent, traceID: traceID, isNew: true)
    }

    /// Puts it in place of what the request brought.
    public func apply(to fields: inout HTTPFields) {
        guard isNew else { return }
        if fields.contains(.traceparent) {
            fields[values: .traceparent] = [traceparent]
        } else {
            fields.append(HTTPField(name: .traceparent, value: traceparent))
        }
        if fields.contains(.tracestate) { fields[values: .tracestate] = [] }
    }

    /// nil: the value is not valid. A version of the future may have more behind another `-` (§3.2.4).
    private static func traceID(of value: String) -> String? {
        let bytes = Array(value.utf8)
        guard bytes.count >= 55, [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }),
            bytes.count == 55 || bytes[55] == UInt8(ascii: "-")
        else { return nil }
        let version = bytes[0..<2]
        let traceID = bytes[3..<35]
        let parentID = bytes[36..<52]
        guard [version, traceID, parentID, bytes[53..<55]].allSatisfy({ $0.allSatisfy(isLowercaseHexadecimal) }),
            !version.elementsEqual("ff".utf8), !version.elementsEqual("00".utf8) || bytes.count == 55,
            [traceID, parentID].allSatisfy({ $0.contains { $0 != UInt8(ascii: "0") } })
        else { return nil }
        return String(decoding: traceID, as: UTF8.self)
    }

    private static func isLowercaseHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}

extension HTTPField.Name {
    fileprivate static let traceparent = HTTPField.Name("traceparent") ?? .via
    fileprivate static let tracestate = HTTPField.Name("tracestate") ?? .via
}
