/// A snapshot in the Prometheus text format, version 0.0.4: the same counters, in seconds and bytes.
public struct PrometheusText: Sendable {
    /// What `Content-Type` has to say.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private let snapshot: StatsSnapshot
    private var text = ""

    public init(_ snapshot: StatsSnapshot) {
        self.snapshot = snapshot
    }

    /// All metrics, each with its HELP and TYPE line; names that a snapshot has nothing for are left out.
    public func render() -> String {
        var copy = self
        copy.writeProcess()
        copy.writeHTTP2()
        copy.writeConnections()
        copy.writeTraffic()
        copy.writeCompression()
        copy.writeCloses()
        copy.writeHandshakes()
        copy.writeRequests()
        copy.writeCommands()
        copy.writeUpstreams()
        return copy.text
    }

    private typealias Sample = (labels: [(name: String, value: String)], value: String)
    private enum Kind: String { case counter, gauge, histogram }

    /// In the order of their names, so that two scrapes can be compared.
    private var routes: [(name: String, route: RouteSnapshot)] {
        snapshot.routes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private mutating func writeProcess() {
        write("build_info", .gauge, "The version that runs.", [([("version", snapshot.version)], "1")])
        write("uptime_seconds", .gauge, "Time since the start.", [([], "\(snapshot.uptimeSeconds)")])
        write("draining", .gauge, "1 while connections are being drained.", [([], snapshot.draining ? "1" : "0")])
        if let bytes = snapshot.residentMemoryBytes {
            write("process_resident_memory_bytes", .gauge, "Memory the process holds.", [([], "\(bytes)")])
        }
        let configuration = snapshot.configuration
        write(
            "configuration_loaded_timestamp_seconds", .gauge, "When the configuration in force was loaded.",
            [([], "\(configuration.loadedAt)")])
        write(
            "configuration_last_reload_refused", .gauge, "1 while the file can't be used that was last loaded.",
            [([], configuration.lastReloadRefused ? "1" : "0")])
        write(
            "configuration_reloads_total", .counter, "Reloads of the configuration, by what came of them.",
            [
                ([("result", "applied")], "\(configuration.reloadsTotal.applied)"),
                ([("result", "refused")], "\(configuration.reloadsTotal.refused)"),
            ])
        let transports = snapshot.transports
        write("transports", .gauge, "Transport connections open.", [([], "\(transports.active)")])
        write(
            "transports_accepted_total", .counter, "Transport connections accepted.",
            [([], "\(transports.acceptedTotal)")])
        write(
            "transports_closed_total", .counter, "Transport connections ended.", [([], "\(transports.closedTotal)")])
        write(
            "transports_handshaking", .gauge, "Transport connections and HTTP/2 streams whose handshake is under way.",
            [([], "\(transports.handshaking)")])
    }

    private mutating func writeHTTP2() {
        let sides = [("client", snapshot.http2.client), ("server", snapshot.http2.server)]
        func samples(_ value: (HTTP2Snapshot.Side) -> String) -> [Sample] {
            sides.map { ([("side", $0.0)], value($0.1)) }
        }
        write("http2_connections", .gauge, "HTTP/2 connections open.", samples { "\($0.connections)" })
        write("http2_connections_total", .counter, "HTTP/2 connections opened.", samples { "\($0.connectionsTotal)" })
        write("http2_streams", .gauge, "Streams of HTTP/2 connections open.", samples { "\($0.streams)" })
        write(
            "http2_streams_total", .counter, "Streams of HTTP/2 connections opened.", samples { "\($0.streamsTotal)" })
        write(
            "http2_errors_total", .counter, "HTTP/2 connections that failed, by error code.",
            sides.flatMap { side, state in
                sorted(state.errorsTotal).map { ([("side", side), ("error", $0.key)], "\($0.value)") }
            })
    }

    private mutating func writeConnections() {
        writeRoutes("connections", .gauge, "WebSockets open.") { "\($0.active)" }
        write(
            "connections_by_protocol", .gauge, "WebSockets open, by the HTTP version of each leg.",
            routes.flatMap { name, route in
                [("client", route.protocols.client), ("server", route.protocols.server)].flatMap { leg, count in
                    [("http/1.1", count.http1), ("h2", count.http2)].map { version, value -> Sample in
                        ([("route", name), ("leg", leg), ("protocol", version)], "\(value)")
                    }
                }
            })
        writeRoutes("connections_limit", .gauge, "WebSockets that may be open; 0: no cap.") { "\($0.maxConnections)" }
        writeRoutes("connections_accepted_total", .counter, "WebSockets opened.") { "\($0.acceptedTotal)" }
        writeRoutes("connections_closed_total", .counter, "WebSockets ended.") { "\($0.closedTotal)" }
        write(
            "rejected_total", .counter, "Clients refused before the upgrade.",
            sorted(snapshot.connections.rejectedTotal).map { ([("reason", $0.key)], "\($0.value)") })
    }

    private mutating func writeTraffic() {
        write(
            "messages_total", .counter, "Messages on the clients' legs.",
            routes.flatMap { name, route in
                [("from_client", route.messages.fromClient), ("to_client", route.messages.toClient)]
                    .flatMap { direction, count in
                        [("text", count.text), ("binary", count.binary)].map { kind, value -> Sample in
                            ([("route", name), ("direction", direction), ("type", kind)], "\(value)")
                        }
                    }
            })
        writeRoutesBothWays("bytes_total", "Message payload, decompressed, as it passes.") { $0.bytes }
    }

    private mutating func writeCompression() {
        writeRoutes("compression_connections", .gauge, "WebSockets with permessage-deflate agreed.") {
            "\($0.compression.active)"
        }
        writeRoutes("compression_memory_bytes", .gauge, "zlib state held.") { "\($0.compression.memoryBytes)" }
        writeRoutes("compressed_messages_total", .counter, "Messages the gateway compressed.") {
            "\($0.compression.messagesCompressed)"
        }
        writeRoutes("compressed_bytes_before_total", .counter, "Payload before compressing.") {
            "\($0.compression.bytesBefore)"
        }
        writeRoutes("compressed_bytes_after_total", .counter, "Payload after compressing.") {
            "\($0.compression.bytesAfter)"
        }
        writeRoutes("inflated_messages_total", .counter, "Messages the gateway inflated.") {
            "\($0.compression.messagesInflated)"
        }
        writeRoutes("inflated_bytes_before_total", .counter, "Payload before inflating.") {
            "\($0.compression.inflatedBytesBefore)"
        }
        writeRoutes("inflated_bytes_after_total", .counter, "Payload after inflating.") {
            "\($0.compression.inflatedBytesAfter)"
        }
    }

    private mutating func writeCloses() {
        write(
            "extensions_refused_total", .counter, "Extensions offered and left out of the answer.",
            routes.flatMap { name, route in
                sorted(route.extensionsRefused).map { ([("route", name), ("extension", $0.key)], "\($0.value)") }
            })
        write(
            "legacy_total", .counter, "WebSockets of clients that speak a draft from before RFC 6455.",
            routes.flatMap { name, route in
                sorted(route.legacyTotal).map { ([("route", name), ("version", $0.key)], "\($0.value)") }
            })
        write(
            "close_codes_total", .counter, "WebSockets ended, by close code and who sent it.",
            routes.flatMap { name, route in
                route.closeCodes.sorted { $0.key < $1.key }.flatMap { side, codes in
                    sorted(codes).map { ([("route", name), ("side", side), ("code", $0.key)], "\($0.value)") }
                }
            })
    }

    private mutating func writeHandshakes() {
        writeDurations("handshake_seconds", "Time from accepting a connection to its 101.") { $0.handshakeSeconds }
    }

    private mutating func writeRequests() {
        writeRoutes("requests", .gauge, "Plain HTTP requests under way.") { "\($0.requests.active)" }
        writeRoutes("requests_limit", .gauge, "Plain HTTP requests that may be under way; 0: no cap.") {
            "\($0.requests.maxRequests)"
        }
        writeRoutes("requests_total", .counter, "Plain HTTP requests that began.") { "\($0.requests.total)" }
        write(
            "responses_total", .counter, "Plain HTTP requests that were answered, by the class of the status.",
            routes.flatMap { name, route in
                sorted(route.requests.statuses).map { ([("route", name), ("class", $0.key)], "\($0.value)") }
            })
        writeRoutesBothWays("request_bytes_total", "Bodies of plain HTTP requests and of their answers.") {
            $0.requests.bytes
        }
        writeDurations("request_seconds", "Time from the head of a plain HTTP request to the end of its answer.") {
            $0.requests.seconds
        }
    }

    private mutating func writeCommands() {
        func samples(_ value: (RouteSnapshot.Commands) -> String) -> [Sample] {
            routes.compactMap { name, route in route.commands.map { ([("route", name)], value($0)) } }
        }
        write("commands_running", .gauge, "Processes of commands.", samples { "\($0.running)" })
        write("commands_started_total", .counter, "Commands started.", samples { "\($0.startedTotal)" })
        write(
            "commands_failed_total", .counter,
            "Commands that could not be started, or ended with another status than 0 of their own accord.",
            samples { "\($0.failedTotal)" })
    }

    private mutating func writeUpstreams() {
        writeServers("upstream_server_healthy", .gauge, "1 unless the server failed since it last answered.") {
            $0.healthy ? "1" : "0"
        }
        writeServers("upstream_server_active", .gauge, "WebSockets to the server.") { "\($0.active)" }
        writeServers("upstream_server_connections", .gauge, "Transport connections to the server.") {
            "\($0.connections)"
        }
        writeServers("upstream_server_streams", .gauge, "Streams on HTTP/2 connections to the server.") {
            "\($0.streams)"
        }
        writeServers("upstream_server_failures_total", .counter, "Connections or handshakes that failed.") {
            "\($0.failuresTotal)"
        }
        write(
            "upstream_ports_exhausted_total", .counter,
            "Times that an address had no local port left for a connection to a server.",
            snapshot.upstreams.sorted { $0.key < $1.key }.map {
                ([("upstream", $0.key)], "\($0.value.portsExhaustedTotal)")
            })
        // None for those that are not checked, and before it is known.
        writeServers("upstream_server_check_healthy", .gauge, "1 if the server's checks call it healthy, 0 if not.") {
            switch $0.check?.state {
            case "healthy": "1"
            case "unhealthy": "0"
            default: nil
            }
        }
        writeServers("upstream_server_check_seconds", .gauge, "Time that the latest check took.") {
            $0.check?.lastSeconds.map { "\($0)" }
        }
    }

    private mutating func writeRoutes(_ name: String, _ kind: Kind, _ help: String, value: (RouteSnapshot) -> String) {
        write(name, kind, help, routes.map { ([("route", $0.name)], value($0.route)) })
    }

    private mutating func writeRoutesBothWays(
        _ name: String, _ help: String, value: (RouteSnapshot) -> RouteSnapshot.BothWays<UInt64>
    ) {
        write(
            name, .counter, help,
            routes.flatMap { route, snapshot in
                let both = value(snapshot)
                return [("from_client", both.fromClient), ("to_client", both.toClient)].map { direction, value in
                    ([("route", route), ("direction", direction)], "\(value)")
                }
            })
    }

    private mutating func writeDurations(_ name: String, _ help: String, value: (RouteSnapshot) -> HistogramSnapshot) {
        guard !routes.isEmpty else { return }
        header(name, .histogram, help)
        for (route, snapshot) in routes {
            let durations = value(snapshot)
            for bucket in durations.buckets {
                sample("\(name)_bucket", ([("route", route), ("le", bucket.limit)], "\(bucket.count)"))
            }
            sample("\(name)_sum", ([("route", route)], "\(durations.sum)"))
            sample("\(name)_count", ([("route", route)], "\(durations.count)"))
        }
    }

    private mutating func writeServers(
        _ name: String, _ kind: Kind, _ help: String, value: (UpstreamSnapshot.Server) -> String?
    ) {
        let samples = snapshot.upstreams.sorted { $0.key < $1.key }.flatMap { upstream, state in
            state.servers.sorted { $0.key < $1.key }.compactMap { address, server -> Sample? in
                value(server).map { ([("upstream", upstream), ("server", address)], $0) }
            }
        }
        write(name, kind, help, samples)
    }

    private func sorted(_ counts: [String: UInt64]) -> [(key: String, value: UInt64)] {
        counts.sorted { $0.key < $1.key }
    }

    private mutating func write(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        header(name, kind, help)
        for each in samples { sample(name, each) }
    }

    private mutating func header(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP sluice_\(name) \(help)\n# TYPE sluice_\(name) \(kind.rawValue)\n"
    }

    private mutating func sample(_ name: String, _ sample: Sample) {
        let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += labels.isEmpty ? "sluice_\(name) \(sample.value)\n" : "sluice_\(name){\(labels)} \(sample.value)\n"
    }

    /// Backslash, quote and line feed are all that a label value has to escape.
    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
