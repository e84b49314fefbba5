/// A snapshot as Prometheus and other programs read it: the same counters, in seconds and bytes.
public struct PrometheusText: Sendable {
    private let snapshot: StatsSnapshot
    private var text: MetricText

    public init(_ snapshot: StatsSnapshot, format: MetricFormat = .prometheus) {
        self.snapshot = snapshot
        text = MetricText(format)
    }

    /// All metrics, each with its HELP and TYPE line; names that a snapshot has nothing for are left out.
    public func render() -> String {
        var copy = self
        copy.writeBuild()
        copy.writeProcess()
        copy.writeLoops()
        copy.writeHTTP2()
        copy.writeConnections()
        copy.writeTraffic()
        copy.writeCompression()
        copy.writeCloses()
        copy.writeHandshakes()
        copy.writeRequests()
        copy.writeCommands()
        copy.writeUpstreams()
        copy.writeListeners()
        return copy.text.finished()
    }

    private typealias Sample = MetricText.Sample
    private typealias Kind = MetricText.Kind

    /// In the order of their names, so that two scrapes can be compared.
    private var routes: [(name: String, route: RouteSnapshot)] {
        snapshot.routes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private mutating func writeBuild() {
        write(
            "build_info", .info, "The program that runs, in labels.",
            [
                (
                    [
                        ("version", snapshot.version), ("commit", snapshot.build.commit),
                        ("swift", snapshot.build.swift),
                    ], "1"
                )
            ])
        guard let process = snapshot.process else { return }
        func fact(_ name: String, _ kind: Kind, _ help: String, _ value: String?) {
            if let value { text.write("process_\(name)", kind, help, [([], value)]) }
        }
        fact(
            "cpu_seconds_total", .counter, "Total user and system CPU time spent in seconds.",
            process.cpuSeconds.map { "\($0)" })
        fact("open_fds", .gauge, "Number of open file descriptors.", process.openFileDescriptors.map { "\($0)" })
        fact(
            "max_fds", .gauge, "Maximum number of open file descriptors.",
            process.maxFileDescriptors.map { "\($0)" })
        fact(
            "virtual_memory_bytes", .gauge, "Virtual memory size in bytes.",
            process.virtualMemoryBytes.map { "\($0)" })
        fact(
            "resident_memory_bytes", .gauge, "Resident memory size in bytes.",
            process.residentMemoryBytes.map { "\($0)" })
        fact(
            "start_time_seconds", .gauge, "Start time of the process since unix epoch in seconds.",
            process.startTimeSeconds.map { "\($0)" })
    }

    private mutating func writeLoops() {
        guard !snapshot.eventLoopLags.isEmpty else { return }
        text.header(
            "sluice_event_loop_lag_seconds", .histogram,
            "How late event loops run their timers.")
        for (loop, lag) in snapshot.eventLoopLags.enumerated() {
            text.histogram("sluice_event_loop_lag_seconds", [("loop", "\(loop)")], lag)
        }
    }

    private mutating func writeProcess() {
        write("uptime_seconds", .gauge, "Time since the start.", [([], "\(snapshot.uptimeSeconds)")])
        write("draining", .gauge, "1 while the gateway drains.", [([], snapshot.draining ? "1" : "0")])
        if let bytes = snapshot.residentMemoryBytes {
            write("process_resident_memory_bytes", .gauge, "Memory the process holds.", [([], "\(bytes)")])
        }
        let configuration = snapshot.configuration
        write(
            "configuration_loaded_timestamp_seconds", .gauge, "When the configuration in force was loaded.",
            [([], "\(configuration.loadedAt)")])
        write(
            "configuration_last_reload_refused", .gauge, "1 if the gateway refused the file at the last reload.",
            [([], configuration.lastReloadRefused ? "1" : "0")])
        write(
            "configuration_reloads_total", .counter, "Reloads of the configuration, by their result.",
            [
                ([("result", "applied")], "\(configuration.reloadsTotal.applied)"),
                ([("result", "refused")], "\(configuration.reloadsTotal.refused)"),
            ])
        write(
            "limits_max_connections", .gauge, "WebSockets that the process may have open: limits.max_connections.",
            [([], "\(snapshot.limits.maxConnections)")])
        write(
            "limits_compression_memory_bytes", .gauge,
            "Memory that zlib may hold: limits.compression_memory; 0: none.",
            [([], "\(snapshot.limits.compressionMemoryBytes)")])
        let transports = snapshot.transports
        write("transports", .gauge, "Transport connections open.", [([], "\(transports.active)")])
        write(
            "transports_accepted_total", .counter, "Transport connections accepted.",
            [([], "\(transports.acceptedTotal)")])
        write(
            "transports_closed_total", .counter, "Transport connections ended.", [([], "\(transports.closedTotal)")])
        write(
            "transports_handshaking", .gauge,
            "Transport connections and HTTP/2 streams whose handshake is in progress.",
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
            sorted(snapshot.connections.rejectedTotal, known: snapshot.connections.knownRejections)
                .map { ([("reason", $0.key)], "\($0.value)") })
        write(
            "route_rejected_total", .counter, "Clients refused before the upgrade, once their route was known.",
            routes.flatMap { name, route in
                sorted(route.rejectedTotal).map { ([("route", name), ("reason", $0.key)], "\($0.value)") }
            })
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
        writeRoutes("compression_memory_bytes", .gauge, "Memory that zlib holds.") { "\($0.compression.memoryBytes)" }
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
            "extensions_refused_total", .counter,
            "Extensions that clients offered and the gateway left out of its answer.",
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
                    sorted(codes, known: Self.usualCodes[side] ?? [])
                        .map { ([("route", name), ("side", side), ("code", $0.key)], "\($0.value)") }
                }
            })
    }

    /// Codes that exist from the start, so that a rate sees the first WebSocket that ends with one: those of browsers, of
    /// servers that break off, and of the gateway itself.
    private static let usualCodes = [
        "client": ["1000", "1001", "1005", "1006"],
        "server": ["1000", "1001", "1005", "1006", "1011", "1012", "1013"],
        "gateway": ["1001", "1002", "1006", "1007", "1008", "1009", "1011", "1012", "1013"],
    ]

    private mutating func writeListeners() {
        let listeners = snapshot.listeners.sorted { $0.key < $1.key }
        write(
            "listener_rejected_total", .counter, "Clients refused before the upgrade, by the listener they came to.",
            listeners.flatMap { name, listener in
                sorted(listener.rejectedTotal).map { ([("listener", name), ("reason", $0.key)], "\($0.value)") }
            })
        write(
            "tls_handshake_failures_total", .counter, "Clients whose TLS handshake failed.",
            listeners.flatMap { name, listener in
                sorted(listener.tlsFailuresTotal, known: listener.knownTLSFailures)
                    .map { ([("listener", name), ("reason", $0.key)], "\($0.value)") }
            })
        write(
            "certificate_not_after_seconds", .gauge,
            "The last second that a listener's certificate is valid in, since 1970.",
            listeners.flatMap { name, listener in
                // Of several for one name the one that ends first.
                Dictionary(listener.certificates.map { ($0.name, $0.notAfterSeconds) }, uniquingKeysWith: min)
                    .sorted { $0.key < $1.key }.map { ([("listener", name), ("name", $0.key)], "\($0.value)") }
            })
    }

    private mutating func writeHandshakes() {
        writeDurations("handshake_seconds", "Time from accepting a connection to its 101.") { $0.handshakeSeconds }
    }

    private mutating func writeRequests() {
        writeRoutes("requests", .gauge, "Plain HTTP requests in progress.") { "\($0.requests.active)" }
        writeRoutes("requests_limit", .gauge, "Plain HTTP requests that may be in progress; 0: no cap.") {
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
            "Commands that could not be started, or ended by themselves with a status other than 0.",
            samples { "\($0.failedTotal)" })
    }

    private mutating func writeUpstreams() {
        writeServers("upstream_server_healthy", .gauge, "1 unless the server failed since it last answered.") {
            $0.healthy ? "1" : "0"
        }
        write(
            "upstream_server_state", .gauge, "1 for the state that the server has, 0 for the others.",
            snapshot.upstreams.sorted { $0.key < $1.key }.flatMap { upstream, state in
                state.servers.sorted { $0.key < $1.key }.flatMap { address, server in
                    ["active", "draining", "down", "removed"].map { name in
                        (
                            [("upstream", upstream), ("server", address), ("state", name)],
                            server.state == name ? "1" : "0"
                        )
                    }
                }
            })
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
        text.header("sluice_\(name)", .histogram, help)
        for (route, snapshot) in routes { text.histogram("sluice_\(name)", [("route", route)], value(snapshot)) }
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

    /// - Parameter known: names that count 0 where they have not been counted.
    private func sorted(_ counts: [String: UInt64], known: [String] = []) -> [(key: String, value: UInt64)] {
        counts.merging(known.map { ($0, 0) }) { counted, _ in counted }.sorted { $0.key < $1.key }
    }

    private mutating func write(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        text.write("sluice_\(name)", kind, help, samples)
    }
}
