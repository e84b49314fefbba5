import Testing

@testable import GatewayTelemetry

@Suite("OpenMetrics 1.0.0")
struct OpenMetricsTests {
    private static let lines = PrometheusText(StatsSnapshotTests.snapshot(), format: .openMetrics).render()
        .split(separator: "\n", omittingEmptySubsequences: false)

    /// Suffixes that samples of a type have.
    private static let suffixes: [Substring: [String]] = [
        "counter": ["_total"], "gauge": [""], "unknown": [""], "info": ["_info"],
        "histogram": ["_bucket", "_sum", "_count"],
    ]

    @Test func eachSampleIsOfTheFamilyAboveItAndNoFamilyIsThereTwice() throws {
        var families: Set<Substring> = []
        var names: Set<String> = []
        var current: (name: Substring, type: Substring) = ("", "")
        for line in Self.lines.dropLast(2) {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE ") {
                current = (words[2], words[3])
                #expect(families.insert(current.name).inserted, "\(line)")
                for suffix in try #require(Self.suffixes[current.type], "\(line)") {
                    #expect(names.insert(current.name + suffix).inserted, "two families have \(current.name + suffix)")
                }
                #expect(current.type != "counter" || !current.name.hasSuffix("_total"), "\(line)")
            } else if line.hasPrefix("# ") {
                #expect(words[2] == current.name, "\(line)")
                if words[1] == "UNIT" { #expect(current.name.hasSuffix("_" + words[3]), "\(line)") }
            } else {
                let name = line.prefix { $0 != "{" && $0 != " " }
                #expect(Self.suffixes[current.type]?.contains { current.name + $0 == name } == true, "\(line)")
            }
        }
        #expect(Self.lines.suffix(2) == ["# EOF", ""])
    }

    @Test func theSamplesAreThoseOfThePrometheusFormat() {
        func samples(_ lines: [Substring]) -> Set<String> {
            Set(
                lines.filter { !$0.hasPrefix("#") && !$0.isEmpty }.map {
                    String($0.prefix(upTo: $0.firstRange(of: " # ")?.lowerBound ?? $0.endIndex))
                        .replacing(/le="([0-9]+)\.0"/) { "le=\"\($0.1)\"" }
                })
        }
        let text = samples(PrometheusTextTests.lines(StatsSnapshotTests.snapshot()))
        #expect(samples(Self.lines) == text)
    }

    @Test(arguments: [
        "# TYPE sluice_build info", "# TYPE sluice_connections_accepted counter",
        "# TYPE sluice_handshake_seconds histogram", "# UNIT sluice_handshake_seconds seconds",
        "# TYPE process_cpu_seconds counter", "# UNIT process_cpu_seconds seconds",
        "# UNIT process_resident_memory_bytes bytes", "# TYPE sluice_requests gauge",
        "# TYPE sluice_requests_total unknown",
        "sluice_handshake_seconds_bucket{route=\"chat\",le=\"0.0005\"} 1",
        "sluice_handshake_seconds_bucket{route=\"chat\",le=\"0.001\"} 9 # {request_id=\"beef\"} 0.00095 1767323046.0",
        "sluice_handshake_seconds_bucket{route=\"chat\",le=\"60.0\"} 10",
        "sluice_handshake_seconds_bucket{route=\"chat\",le=\"+Inf\"} 10",
        // Its identifier is too long for an exemplar.
        "sluice_request_seconds_bucket{route=\"chat\",le=\"0.001\"} 1",
    ])
    func lines(line: String) {
        #expect(Self.lines.contains(line[...]))
    }

    @Test func thePrometheusFormatHasNoExemplars() {
        #expect(!PrometheusText(StatsSnapshotTests.snapshot()).render().contains("request_id"))
    }

    @Test(arguments: [
        ([], MetricFormat.prometheus), (["*/*"], .prometheus), (["text/plain"], .prometheus),
        (["application/openmetrics-text; version=1.0.0"], .openMetrics),
        (["application/openmetrics-text;version=1.0.0;charset=utf-8"], .openMetrics),
        (["application/openmetrics-text"], .openMetrics),
        (["application/openmetrics-text; version=0.0.1"], .prometheus),
        // What Prometheus 2 and 3 send.
        (
            [
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
                    + "text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,/;q=0.1"
            ], .openMetrics
        ),
        (["application/openmetrics-text;q=0.1, text/plain;q=0.9"], .prometheus),
        (["application/openmetrics-text;q=0"], .prometheus), (["application/openmetrics-text;q=x"], .prometheus),
        (["text/html", "APPLICATION/OPENMETRICS-TEXT;version=\"1.0.0\""], .openMetrics),
    ])
    func formatsAreChosenByAccept(accept: [String], format: MetricFormat) {
        #expect(MetricFormat(accept: accept) == format)
    }
}
