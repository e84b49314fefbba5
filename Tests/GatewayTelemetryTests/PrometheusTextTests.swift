import Testing

@testable import GatewayTelemetry

@Suite("Prometheus text format 0.0.4")
struct PrometheusTextTests {
    static func lines(_ snapshot: StatsSnapshot) -> [Substring] {
        PrometheusText(snapshot).render().split(separator: "\n", omittingEmptySubsequences: false)
    }

    @Test func everyLineIsWellFormedAndBelongsToTheMetricAboveIt() throws {
        let lines = Self.lines(StatsSnapshotTests.snapshot())
        #expect(lines.last == "")
        let sample = try Regex(
            #"((?:sluice|process)_[a-z0-9_]+)(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? -?[0-9.e+-]+"#)
        var helped: Set<Substring> = []
        var typed: Set<Substring> = []
        var seen: Set<Substring> = []
        var current: (name: Substring, type: Substring) = ("", "")
        for line in lines.dropLast() {
            let words = line.split(separator: " ")
            if line.hasPrefix("# HELP ") {
                #expect(helped.insert(words[2]).inserted, "\(words[2]) has two HELP lines")
                #expect(words.count > 3)
            } else if line.hasPrefix("# TYPE ") {
                #expect(typed.insert(words[2]).inserted, "\(words[2]) has two TYPE lines")
                #expect(helped.contains(words[2]))
                current = (words[2], words[3])
                #expect((current.type == "counter") == current.name.hasSuffix("_total"), "\(line)")
            } else {
                let match = try #require(try sample.wholeMatch(in: line), "\(line)")
                let name = try #require(match.output[1].substring)
                let isPart =
                    current.type == "histogram"
                    && ["_bucket", "_sum", "_count"].contains(name.dropFirst(current.name.count))
                #expect(name == current.name || isPart, "\(line)")
                let series = line[..<(line.lastIndex(of: " ") ?? line.endIndex)]
                #expect(seen.insert(series).inserted, "\(series) is there twice")
            }
        }
        #expect(helped == typed)
        #expect(typed.count > 20)
    }

    @Test(arguments: [
        "sluice_build_info{version=\"0.1.0\",commit=\"0f3a\",swift=\"6.2\"} 1",
        "process_cpu_seconds_total 1.5",
        "process_open_fds 20",
        "process_max_fds 1024",
        "process_virtual_memory_bytes 8192",
        "process_resident_memory_bytes 4096",
        "process_start_time_seconds 1767323045.5",
        "sluice_event_loop_lag_seconds_bucket{loop=\"1\",le=\"0.001\"} 1",
        "sluice_event_loop_lag_seconds_count{loop=\"0\"} 0",
        "sluice_limits_max_connections 10000",
        "sluice_limits_compression_memory_bytes 0",
        "sluice_rejected_total{reason=\"origin\"} 0",
        "sluice_route_rejected_total{route=\"chat\",reason=\"max_connections\"} 2",
        "sluice_listener_rejected_total{listener=\"public\",reason=\"no_route\"} 1",
        "sluice_tls_handshake_failures_total{listener=\"public\",reason=\"no_tls\"} 2",
        "sluice_tls_handshake_failures_total{listener=\"public\",reason=\"cut_short\"} 0",
        "sluice_certificate_not_after_seconds{listener=\"public\",name=\"example.com\"} 1800000000",
        "sluice_close_codes_total{route=\"chat\",side=\"client\",code=\"1000\"} 4",
        "sluice_close_codes_total{route=\"chat\",side=\"server\",code=\"1006\"} 0",
        "sluice_upstream_server_state{upstream=\"chat\",server=\"10.0.0.5:9001\",state=\"active\"} 1",
        "sluice_upstream_server_state{upstream=\"chat\",server=\"10.0.0.5:9001\",state=\"down\"} 0",
        "sluice_uptime_seconds 12.5",
        "sluice_draining 0",
        "sluice_connections{route=\"chat\"} 3",
        "sluice_connections_limit{route=\"chat\"} 2000",
        "sluice_connections_accepted_total{route=\"chat\"} 10",
        "sluice_connections_closed_total{route=\"chat\"} 7",
        "sluice_rejected_total{reason=\"max_connections\"} 2",
        "sluice_messages_total{route=\"chat\",direction=\"from_client\",type=\"text\"} 5",
        "sluice_messages_total{route=\"chat\",direction=\"to_client\",type=\"binary\"} 0",
        "sluice_bytes_total{route=\"chat\",direction=\"to_client\"} 100",
        "sluice_compressed_bytes_before_total{route=\"chat\"} 1000",
        "sluice_compressed_bytes_after_total{route=\"chat\"} 300",
        "sluice_compression_memory_bytes{route=\"chat\"} 65536",
        "sluice_extensions_refused_total{route=\"chat\",extension=\"deflate-stream\"} 1",
        "sluice_close_codes_total{route=\"chat\",side=\"gateway\",code=\"1009\"} 1",
        "sluice_handshake_seconds_count{route=\"chat\"} 10",
        "sluice_handshake_seconds_sum{route=\"chat\"} 0.0123",
        "sluice_handshake_seconds_bucket{route=\"chat\",le=\"0.0005\"} 1",
        "sluice_handshake_seconds_bucket{route=\"chat\",le=\"0.001\"} 9",
        "sluice_handshake_seconds_bucket{route=\"chat\",le=\"60\"} 10",
        "sluice_handshake_seconds_bucket{route=\"chat\",le=\"+Inf\"} 10",
        "sluice_requests{route=\"chat\"} 1",
        "sluice_requests_limit{route=\"chat\"} 100",
        "sluice_requests_total{route=\"chat\"} 5",
        "sluice_responses_total{route=\"chat\",class=\"2xx\"} 2",
        "sluice_responses_total{route=\"chat\",class=\"5xx\"} 0",
        "sluice_request_bytes_total{route=\"chat\",direction=\"from_client\"} 70",
        "sluice_request_bytes_total{route=\"chat\",direction=\"to_client\"} 3000",
        "sluice_request_seconds_bucket{route=\"chat\",le=\"0.005\"} 2",
        "sluice_request_seconds_bucket{route=\"chat\",le=\"60\"} 3",
        "sluice_request_seconds_bucket{route=\"chat\",le=\"+Inf\"} 4",
        "sluice_request_seconds_sum{route=\"chat\"} 90.0118",
        "sluice_request_seconds_count{route=\"chat\"} 4",
        "sluice_upstream_server_healthy{upstream=\"chat\",server=\"10.0.0.5:9001\"} 1",
        "sluice_upstream_server_failures_total{upstream=\"chat\",server=\"10.0.0.5:9001\"} 0",
    ])
    func theCountersOfStats(line: String) {
        #expect(Self.lines(StatsSnapshotTests.snapshot()).contains(line[...]))
    }

    @Test func labelValuesAreEscaped() {
        let telemetry = Telemetry(loops: 1, version: "0.1.0")
        _ = telemetry.acquire(route: "a\"b\\c\nd\u{E9}")
        let lines = Self.lines(telemetry.snapshot(uptimeSeconds: 1, draining: false))
        #expect(lines.contains("sluice_connections{route=\"a\\\"b\\\\c\\nd\u{E9}\"} 0"))
    }

    @Test func whatIsNotKnownIsLeftOut() {
        let telemetry = Telemetry(loops: 1, version: "0.1.0")
        let unknown = PrometheusText(telemetry.snapshot(uptimeSeconds: 1, draining: true)).render()
        #expect(!unknown.contains("resident_memory"))
        #expect(!unknown.contains("sluice_connections"))
        #expect(!unknown.contains("process_"))
        let known = telemetry.snapshot(uptimeSeconds: 1, draining: true, residentMemoryBytes: 4096)
        #expect(Self.lines(known).contains("sluice_process_resident_memory_bytes 4096"))
        #expect(Self.lines(known).contains("sluice_draining 1"))
    }
}
