import Foundation
import Testing

@testable import GatewayTelemetry

@Suite("GET /stats")
struct StatsSnapshotTests {
    /// The documented answer.
    static let documented = """
        {"version": "0.1.0", "uptime_seconds": 12.5, "draining": false,
         "connections": {"active": 3, "accepted_total": 10, "closed_total": 7,
           "rejected_total": {"no_route": 1, "max_connections": 2}},
         "build": {"commit": "0f3a", "swift": "6.2"},
         "process": {"cpu_seconds": 1.5, "open_fds": 20, "max_fds": 1024, "virtual_memory_bytes": 8192,
           "resident_memory_bytes": 4096, "start_time_seconds": 1767323045.5},
         "limits": {"max_connections": 10000, "compression_memory_bytes": 0},
         "listeners": {"public": {"rejected_total": {"no_route": 1, "max_connections": 2},
           "tls_failures_total": {"no_tls": 2},
           "certificates": [{"name": "example.com", "not_after_seconds": 1900000000},
             {"name": "example.com", "not_after_seconds": 1800000000}]}},
         "routes": {"chat": {"active": 3, "max_connections": 2000, "accepted_total": 10,
           "messages": {"from_client": {"text": 5, "binary": 0}, "to_client": {"text": 5, "binary": 0}},
           "bytes": {"from_client": 100, "to_client": 100},
           "compression": {"active": 2, "messages_compressed": 5,
             "bytes_before": 1000, "bytes_after": 300, "memory_bytes": 65536},
           "extensions_refused": {"deflate-stream": 1},
           "close_codes": {"client": {"1000": 4}, "server": {}, "gateway": {"1009": 1}},
           "rejected_total": {"max_connections": 2},
           "handshake_seconds": {"count": 10, "sum": 0.0123, "p50": 0.00075, "p99": 0.00475,
             "buckets": {"0.0005": 1, "0.001": 9, "0.0025": 9, "0.005": 10, "0.01": 10, "0.025": 10, "0.05": 10,
               "0.1": 10, "0.25": 10, "0.5": 10, "1": 10, "2.5": 10, "5": 10, "10": 10, "30": 10, "60": 10,
               "+Inf": 10}},
           "requests": {"active": 1, "max_requests": 100, "total": 5,
             "statuses": {"1xx": 0, "2xx": 2, "3xx": 0, "4xx": 1, "5xx": 0},
             "bytes": {"from_client": 70, "to_client": 3000},
             "seconds": {"count": 4, "sum": 90.0118, "p50": 0.005, "p99": 60,
               "buckets": {"0.0005": 0, "0.001": 1, "0.0025": 1, "0.005": 2, "0.01": 3, "0.025": 3, "0.05": 3,
                 "0.1": 3, "0.25": 3, "0.5": 3, "1": 3, "2.5": 3, "5": 3, "10": 3, "30": 3, "60": 3, "+Inf": 4}}}}},
         "upstreams": {"chat": {"servers": {
           "10.0.0.5:9001": {"healthy": true, "active": 3, "connections": 3, "failures_total": 0}}}}}
        """

    /// Counters that stand as the documented answer says.
    static func snapshot() -> StatsSnapshot {
        let telemetry = Telemetry(loops: 2, version: "0.1.0", rejections: ["no_route", "origin"])
        telemetry.maxConnections.set(10_000)
        telemetry.expect(listener: "public", tlsFailures: ["no_tls", "cut_short"])
        for _ in 0..<2 { telemetry.tlsFailed("no_tls", listener: "public") }
        telemetry.counters(loop: 1).lag.record(microseconds: 700)
        let route = telemetry.acquire(route: "chat")
        route.maxConnections.set(2000)
        route.maxRequests.set(100)
        let counters = route.counters(loop: 1)
        counters.active.add(3)
        counters.accepted.add(10)
        counters.closed.add(7)
        counters.messagesFromClientText.add(5)
        counters.messagesToClientText.add(5)
        counters.bytesFromClient.add(100)
        counters.bytesToClient.add(100)
        counters.compressionActive.add(2)
        counters.messagesCompressed.add(5)
        counters.compressionBytesBefore.add(1000)
        counters.compressionBytesAfter.add(300)
        counters.compressionMemory.add(65536)
        counters.refusedExtension("deflate-stream")
        for _ in 0..<4 { counters.closed(code: 1000, by: .client) }
        counters.closed(code: 1009, by: .gateway)
        counters.handshakes.record(microseconds: 300)
        for _ in 0..<8 { counters.handshakes.record(microseconds: 1000) }
        counters.handshakes.record(microseconds: 4000)
        for _ in 0..<5 { counters.requestBegan() }
        counters.requestBytes(fromClient: 70)
        counters.requestBytes(toClient: 1000)
        counters.requestEnded(status: 200, microseconds: 800)
        counters.requestEnded(status: 204, bytesToClient: 2000, microseconds: 3000)
        counters.requestEnded(status: 404, microseconds: 8000)
        counters.requestEnded(status: nil, microseconds: 90_000_000)
        telemetry.rejected("no_route", listener: "public")
        for _ in 0..<2 {
            telemetry.rejected("max_connections", listener: "public")
            counters.rejected("max_connections")
        }
        counters.openedBy("feed", microseconds: 900, at: 1_767_323_045.5)
        counters.openedBy("beef", microseconds: 950, at: 1_767_323_046)
        counters.served(String(repeating: "x", count: 119), microseconds: 800, at: 1_767_323_046)
        var process = ProcessSnapshot()
        process.cpuSeconds = 1.5
        process.openFileDescriptors = 20
        process.maxFileDescriptors = 1024
        process.virtualMemoryBytes = 8192
        process.residentMemoryBytes = 4096
        process.startTimeSeconds = 1_767_323_045.5
        let server = UpstreamSnapshot.Server(healthy: true, active: 3, connections: 3, failuresTotal: 0)
        var snapshot = telemetry.snapshot(
            uptimeSeconds: 12.5, draining: false,
            upstreams: [UpstreamSnapshot(name: "chat", servers: [("10.0.0.5:9001", server)])],
            certificates: [
                CertificateSnapshot(listener: "public", name: "example.com", notAfterSeconds: 1_900_000_000),
                CertificateSnapshot(listener: "public", name: "example.com", notAfterSeconds: 1_800_000_000),
            ], process: process)
        snapshot.build = BuildSnapshot(commit: "0f3a", swift: "6.2")
        return snapshot
    }

    @Test func everyDocumentedKeyHasTheDocumentedValue() throws {
        let documented = try JSONSerialization.jsonObject(with: Data(Self.documented.utf8))
        let built = try JSONSerialization.jsonObject(with: Data(Self.snapshot().json()))
        #expect(Self.differences(documented, built, at: "") == [])
    }

    @Test func theKeysAreSorted() {
        let text = String(decoding: Self.snapshot().json(), as: UTF8.self)
        #expect(
            text.hasPrefix(
                "{\"build\":{\"commit\":\"0f3a\",\"swift\":\"6.2\"},\"configuration\":{\"last_reload_refused\":false,"))
    }

    @Test func memoryIsThereWhereItIsKnown() throws {
        let telemetry = Telemetry(loops: 1, version: "0.1.0")
        let known = telemetry.snapshot(uptimeSeconds: 1, draining: true, residentMemoryBytes: 4096)
        #expect(String(decoding: known.json(), as: UTF8.self).contains("\"resident_memory_bytes\":4096"))
        let unknown = telemetry.snapshot(uptimeSeconds: 1, draining: true)
        #expect(!String(decoding: unknown.json(), as: UTF8.self).contains("resident_memory_bytes"))
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func anUptimeThatIsNoNumberIsStillJSON(uptime: Double) throws {
        let telemetry = Telemetry(loops: 1, version: "0.1.0")
        let json = telemetry.snapshot(uptimeSeconds: uptime, draining: true).json()
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
        #expect(object["uptime_seconds"] as? Double == 0)
        #expect(object["draining"] as? Bool == true)
    }

    /// Paths of what is expected and missing or other. Objects may have more keys; quantiles are computed, so their last
    /// digits may differ.
    static func differences(_ expected: Any, _ built: Any?, at path: String) -> [String] {
        if let expected = expected as? [String: Any] {
            guard let built = built as? [String: Any] else { return ["\(path) is no object"] }
            return expected.keys.sorted().flatMap { differences(expected[$0] ?? 0, built[$0], at: "\(path)/\($0)") }
        }
        if path.contains("seconds/p"), let expected = expected as? Double, let built = built as? Double {
            return abs(expected - built) <= expected * 1e-9 ? [] : ["\(path): \(expected), not \(built)"]
        }
        guard let expected = expected as? NSObject, let built = built as? NSObject, expected == built else {
            return ["\(path): \(expected), not \(built.map { "\($0)" } ?? "there")"]
        }
        return []
    }
}
