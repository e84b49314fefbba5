import GatewayPolicy
import HTTPTypes
import Testing

/// The cases are those of the recommendation and of its own test suite.
@Suite("traceparent (W3C Trace Context)")
struct TraceContextTests {
    static let traceID = "0af7651916cd43dd8448eb211c80319c"
    static let valid = "00-\(traceID)-b7ad6b7169203331-01"

    /// 1, 2, 3 and so on as random numbers.
    final class Numbers {
        private(set) var count: UInt64 = 0
        func next() -> UInt64 {
            count += 1
            return count
        }
    }

    static func take(_ pairs: [(String, String)]) -> (context: TraceContext, lines: [String], draws: UInt64) {
        var fields = HeaderFilterTests.fields(pairs)
        let numbers = Numbers()
        let context = TraceContext.take(from: fields, random: numbers.next)
        context.apply(to: &fields)
        return (context, HeaderFilterTests.lines(fields), numbers.count)
    }

    @Test(arguments: [
        valid, "00-\(traceID)-b7ad6b7169203331-00", "00-\(traceID)-b7ad6b7169203331-ff",
        "00-00000000000000000000000000000001-0000000000000001-00",
        // Versions of the future may have more.
        "01-\(traceID)-b7ad6b7169203331-01", "cc-\(traceID)-b7ad6b7169203331-01",
        "cc-\(traceID)-b7ad6b7169203331-01-what-the-future-will-be-like", "fe-\(traceID)-b7ad6b7169203331-01-",
    ])
    func aValidOneGoesOnAsItCame(value: String) {
        let (context, lines, draws) = Self.take([("traceparent", value), ("tracestate", "a=1,b=2"), ("Accept", "x")])
        #expect(!context.isNew)
        #expect(context.traceparent == value)
        #expect(value.contains("-\(context.traceID)-"))
        #expect(lines == ["traceparent: \(value)", "tracestate: a=1,b=2", "Accept: x"])
        #expect(draws == 0)
    }

    static let new = "00-00000000000000010000000000000002-0000000000000003-01"

    @Test(arguments: [
        "", "0", "00-\(traceID)-b7ad6b7169203331", "00-\(traceID)-b7ad6b7169203331-",
        "00-\(traceID)-b7ad6b7169203331-0",
        "00-\(traceID)-b7ad6b7169203331-010", "00-\(traceID)-b7ad6b7169203331-01-",
        "00-\(traceID)-b7ad6b7169203331-01-x",
        "00-\(traceID)-b7ad6b7169203331-01.x", "cc-\(traceID)-b7ad6b7169203331-01.what-the-future-will-be-like",
        "cc-\(traceID)-b7ad6b7169203331-011", "cc-\(traceID)-b7ad6b7169203331-0",
        // Version 255 is invalid; so are all zeros.
        "ff-\(traceID)-b7ad6b7169203331-01", "ff-\(traceID)-b7ad6b7169203331-01-x",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-\(traceID)-0000000000000000-01",
        // Upper case, other characters, other lengths.
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "00-\(traceID)-B7AD6B7169203331-01",
        "0A-\(traceID)-b7ad6b7169203331-01", "00-\(traceID)-b7ad6b7169203331-0A", ".0-\(traceID)-b7ad6b7169203331-01",
        "00-.af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-\(traceID)-.7ad6b7169203331-01",
        "00-\(traceID)-b7ad6b7169203331-.0", "000-\(traceID)-b7ad6b7169203331-01", "0-\(traceID)-b7ad6b7169203331-01",
        "00-\(traceID)0-b7ad6b7169203331-01", "00-\(traceID.dropLast())-b7ad6b7169203331-01",
        "00-\(traceID)-b7ad6b71692033310-01", "00-\(traceID)-b7ad6b716920333-01", "00_\(traceID)_b7ad6b7169203331_01",
        "00-\(traceID)-b7ad6b7169203331-01,\(valid)", "00-\(traceID) b7ad6b7169203331-01", "\u{E9}\(valid)",
    ])
    func anInvalidOneBeginsANewTrace(value: String) {
        let (context, lines, draws) = Self.take([("traceparent", value), ("tracestate", "a=1"), ("Accept", "x")])
        #expect(context.isNew)
        #expect(context.traceparent == Self.new)
        #expect(context.traceID == "00000000000000010000000000000002")
        #expect(Set(lines) == ["traceparent: \(Self.new)", "Accept: x"])
        #expect(draws == 3)
    }

    @Test(arguments: [
        [], [("tracestate", "a=1")], [("traceparent", valid), ("Traceparent", valid)],
        [("traceparent", valid), ("TRACEPARENT", "x")], [("trace-parent", valid)],
    ])
    func noneOrSeveralBeginANewTrace(pairs: [(String, String)]) {
        let (context, lines, _) = Self.take(pairs)
        #expect(context.isNew)
        #expect(
            lines.filter { $0.lowercased().hasPrefix("traceparent:") }.map { $0.lowercased() } == [
                "traceparent: \(Self.new)"
            ])
        #expect(!lines.contains { $0.hasPrefix("tracestate") })
    }

    @Test(arguments: [("TraceParent", "TraceState"), ("TRACEPARENT", "TRACESTATE")])
    func namesAreInAnyCase(parent: String, state: String) {
        let (context, lines, _) = Self.take([(parent, Self.valid), (state, "a=1"), (state, "b=2")])
        #expect(!context.isNew)
        #expect(lines == ["\(parent): \(Self.valid)", "\(state): a=1", "\(state): b=2"])
    }

    @Test(arguments: [(UInt64.max, String(repeating: "f", count: 16)), (0, "0000000000000001")])
    func aNewOneIsValidWhateverIsDrawn(bits: UInt64, parent: String) {
        let context = TraceContext.take(from: [:], random: { bits })
        #expect(context.traceparent.hasSuffix("-\(parent)-01"))
        let again = TraceContext.take(from: HeaderFilterTests.fields([("traceparent", context.traceparent)])) { 7 }
        #expect(!again.isNew)
        #expect(again.traceID == context.traceID)
    }
}
