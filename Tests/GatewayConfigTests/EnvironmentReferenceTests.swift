import Testing

@testable import GatewayConfig

@Suite struct EnvironmentReferenceTests {
    let environment = ["HOST": "example.com", "EMPTY": "", "REF": "${HOST}", "_A1": "x"]

    @Test(arguments: [
        ("plain", "plain"), ("${HOST}", "example.com"), ("a.${HOST}:${PORT:-80}", "a.example.com:80"),
        ("${EMPTY}", ""), ("${EMPTY:-default}", "default"), ("${NONE:-}", ""), ("$${HOST}", "${HOST}"),
        ("$HOST $$ $", "$HOST $$ $"), ("${REF}", "${HOST}"), ("${_A1}", "x"), ("${NONE:-a:-b}", "a:-b"),
        ("a$$${HOST}", "a$${HOST}"),
    ])
    func aReferenceIsReplacedByItsValue(text: String, expected: String) throws {
        #expect(try EnvironmentReference.expand(text, environment: environment) == expected)
    }

    @Test(arguments: [
        ("${NONE}", "the environment variable NONE is not set; set it or write ${NONE:-default}"),
        ("${HOST", "expected } after ${; write $${ for the characters ${ themselves"),
        ("${}", "expected ${NAME} or ${NAME:-default}, found \"${}\""),
        ("${1A}", "expected ${NAME} or ${NAME:-default}, found \"${1A}\""),
        ("${A B}", "expected ${NAME} or ${NAME:-default}, found \"${A B}\""),
    ])
    func aReferenceThatLeadsNowhereIsAnError(text: String, expected: String) {
        #expect(throws: EnvironmentReference.Failure(message: expected)) {
            try EnvironmentReference.expand(text, environment: environment)
        }
    }

    @Test func anUnsetVariableIsReportedAtItsValue() {
        #expect(
            problems(.root, "admin: { address: \"a:${ADMIN_PORT}\" }") == [
                "4:19: error: the environment variable ADMIN_PORT is not set; set it or write ${ADMIN_PORT:-default}"
            ])
    }

    @Test func anyScalarCanComeFromTheEnvironment() throws {
        let configuration = try parse(
            .root, "limits: { max_connections: \"${N}\", handshake_timeout: \"${T:-3s}\" }", environment: ["N": "7"])
        #expect(configuration.limits.maxConnections == 7)
        #expect(configuration.limits.handshakeTimeout == .seconds(3))
    }

    @Test(arguments: [
        (Section.root, "admin: { address: \"a:2\", token: \"${S}\" }"), (.root, "admin: { address: \"${S}\" }"),
        (.root, "drain: { timeout: \"${S}\" }"), (.root, "log: { level: \"${S}\" }"),
        (.root, "limits: { max_header_size: \"${S}\", max_connections: \"${S}\" }"),
        (.match, "path_regex: \"(${S}\""), (.match, "hosts: [\"${S}\"]"), (.route, "origins: [\"${S}\"]"),
        (.route, "request_headers: { set: { X-Key: \"a\\nb${S}\" }, remove: [\"${S}\"] }"),
        (.listener, "trusted_proxies: [\"${S}\"]"),
    ])
    func aSecretNeverAppearsInAMessage(section: Section, lines: String) {
        let secret = "12345678KB hunter2 é"
        let found = problems(section, lines, environment: ["S": secret])
        #expect(!found.isEmpty)
        for problem in found {
            #expect(!problem.contains("hunter2") && !problem.contains("12345678"))
        }
    }
}
