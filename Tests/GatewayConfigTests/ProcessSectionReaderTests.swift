import GatewayConfig
import Testing

@Suite struct ProcessSectionReaderTests {
    @Test func everyKeyIsRead() throws {
        let configuration = try parse(
            .root,
            """
            admin: { address: "127.0.0.1:9901", token: secret }
            limits:
              max_connections: 1
              max_connections_per_ip: 2
              max_handshakes_per_second: 3
              handshake_timeout: 4s
              keep_alive_timeout: 8s
              max_header_size: 5KiB
              compression_memory: 6MiB
              event_loops: 9
            log: { level: debug, format: text, access: false, query: true, sample: 0.25, redact: { client: hash } }
            drain: { delay: 5s, timeout: 7s, spread: 2s, code: 1001 }
            """)
        var limits = ProcessLimits()
        limits.maxConnections = 1
        limits.maxConnectionsPerIP = 2
        limits.maxHandshakesPerSecond = 3
        limits.handshakeTimeout = .seconds(4)
        limits.keepAliveTimeout = .seconds(8)
        limits.maxHeaderSize = 5120
        limits.compressionMemory = 6_291_456
        limits.eventLoops = 9
        #expect(configuration.limits == limits)
        #expect(
            configuration.admin == AdminConfiguration(address: .tcp(host: "127.0.0.1", port: 9901), token: "secret"))
        var log = LogConfiguration()
        log.level = .debug
        log.format = .text
        log.access = false
        log.query = true
        log.sample = 0.25
        log.redact = [.client: .hash]
        #expect(configuration.log == log)
        var drain = DrainConfiguration()
        drain.delay = .seconds(5)
        drain.timeout = .seconds(7)
        drain.spread = .seconds(2)
        drain.code = 1001
        #expect(configuration.drain == drain)
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        let configuration = try parse(.root, "")
        #expect(configuration.admin == nil)
        #expect(configuration.limits == ProcessLimits())
        #expect(configuration.log == LogConfiguration())
        #expect(configuration.drain == DrainConfiguration())
    }

    @Test func withoutAFormatTheGatewayChooses() throws {
        #expect(try parse(.root, "log: { level: info }").log.format == nil)
    }

    @Test func whatIsRedactedIsAListOrAMapping() throws {
        #expect(try parse(.root, "log: { redact: [client, path] }").log.redact == [.client: .hide, .path: .hide])
        #expect(
            try parse(.root, "log: { redact: { client: hash, user_agent: hide } }").log.redact
                == [.client: .hash, .userAgent: .hide])
        #expect(try parse(.root, "log: { redact: [] }").log.redact.isEmpty)
    }

    @Test(arguments: [("0", 0.0), ("1", 1), ("0.5", 0.5), ("1.0", 1), ("0.001", 0.001)])
    func aShare(text: String, share: Double) throws {
        #expect(try parse(.root, "log: { sample: \(text) }").log.sample == share)
    }

    @Test func withoutAnyTimeNoConnectionIsKept() throws {
        #expect(try parse(.root, "limits: { keep_alive_timeout: 0s }").limits.keepAliveTimeout == .zero)
        #expect(ProcessLimits().keepAliveTimeout == .seconds(60))
    }

    @Test func anEmptyTokenIsNone() throws {
        #expect(try parse(.root, "admin: { address: \"a:2\", token: \"${T:-}\" }").admin?.token == nil)
    }

    @Test func theDefaultSpreadIsNoLongerThanTheTimeout() throws {
        #expect(try parse(.root, "drain: { timeout: 3s }").drain.spread == .seconds(3))
    }

    @Test(arguments: [
        ("drain: { timeout: 30s, spread: 40s }", "4:32: error: spread is 40s, expected at most the timeout of 30s"),
        ("drain: { delay: 366d }", "4:17: error: expected at most 365 days, found \"366d\""),
        ("drain: { delay: 5 }", "4:17: error: expected a duration such as 10s, found \"5\"; did you mean \"5s\"?"),
        (
            "drain: { code: 1000 }",
            "4:16: error: expected the close code 1001 (going away) or 1012 (service restart), found \"1000\""
        ),
        ("limits: { max_connections: 0 }", "4:28: error: expected a number from 1 to 10000000, found \"0\""),
        ("limits: { max_header_size: 2MiB }", "4:28: error: expected a size from 512 to 1MiB, found \"2MiB\""),
        ("limits: { event_loops: 1025 }", "4:24: error: expected a number from 0 to 1024, found \"1025\""),
        ("limits: { event_loops: -1 }", "4:24: error: expected a number from 0 to 1024, found \"-1\""),
        (
            "limits: { handshake_timeout: 10 }",
            "4:30: error: expected a duration such as 10s, found \"10\"; did you mean \"10s\"?"
        ),
        (
            "limits: { keep_alive_timeout: 60 }",
            "4:31: error: expected a duration such as 10s, found \"60\"; did you mean \"60s\"?"
        ),
        ("limits: { keep_alive_timeout: 366d }", "4:31: error: expected at most 365 days, found \"366d\""),
        (
            "log: { level: warn }",
            "4:15: error: expected trace, debug, info, notice, warning, error or critical, found \"warn\""
        ),
        ("log: { format: jsno }", "4:16: error: expected json or text, found \"jsno\"; did you mean \"json\"?"),
        ("log: { sample: 1.1 }", "4:16: error: expected a share from 0 to 1 such as 0.1, found \"1.1\""),
        ("log: { sample: 10% }", "4:16: error: expected a share from 0 to 1 such as 0.1, found \"10%\""),
        ("log: { sample: .5 }", "4:16: error: expected a share from 0 to 1 such as 0.1, found \".5\""),
        ("log: { sample: 1e-3 }", "4:16: error: expected a share from 0 to 1 such as 0.1, found \"1e-3\""),
        (
            "log: { redact: { client: hush } }",
            "4:26: error: expected hide or hash, found \"hush\"; did you mean \"hash\"?"
        ),
        ("admin: {}", "4:8: error: missing key \"address\""),
        (
            "admin: { address: \"b:1\", token: [hunter2] }",
            "4:33: error: expected text as the token, found a list; write \"\" for no token"
        ),
        (
            "admin: { address: \"b:1\", token: hunter 2 }",
            "4:33: error: expected a token of visible ASCII characters without spaces (RFC 6750 §2.1), found another character"
        ),
        ("admin: { address: \"b:1\", tokn: a }", "4:26: error: unknown key \"tokn\"; did you mean \"token\"?"),
    ])
    func aMistakeIsReportedAtItsPlace(lines: String, expected: String) {
        #expect(problems(.root, lines) == [expected])
    }
}
