import Foundation
import GatewayConfig
import Testing

@Suite struct CommandReaderTests {
    /// A file with one route; the text is from line 2, column 29 on.
    private func file(_ command: String) -> String {
        "listeners: [{ name: l, address: \"a:1\" }]\nroutes: [{ name: r, command: \(command) }]\n"
    }

    private func command(_ text: String, environment: [String: String] = [:]) throws -> CommandConfiguration? {
        let route = try parse(file(text), environment: environment).routes.first
        guard case .command(let command) = route?.action else { return nil }
        return command
    }

    @Test func aListIsAProgramAndItsArguments() throws {
        #expect(
            try command("[/bin/sh, -c, \"exit 1\", 2, \"\"]")
                == CommandConfiguration(
                    run: ["/bin/sh", "-c", "exit 1", "2", ""], program: "/bin/sh", directory: "/etc/sluice"))
        #expect(try command("[/bin/sh]")?.killAfter == .seconds(5))
        #expect(try command("[/bin/sh]")?.framing == .line)
        #expect(try command("[/usr/local/bin/chat]")?.name == "chat")
    }

    @Test func aMappingHasTheRest() throws {
        let text = """
            { run: [bin/chat, "${ROOM}"], framing: binary, directory: data, kill_after: 0s,
              environment: { TOKEN: "${SECRET}", N: 1, EMPTY: "" } }
            """
        #expect(
            try command(text, environment: ["ROOM": "lobby", "SECRET": "s"])
                == CommandConfiguration(
                    run: ["bin/chat", "lobby"], program: "/etc/sluice/bin/chat", framing: .binary,
                    directory: "/etc/sluice/data", environment: ["TOKEN": "s", "N": "1", "EMPTY": ""],
                    killAfter: .zero))
    }

    @Test func aNameIsLookedUpInPATH() throws {
        let folder = try TemporaryDirectory()
        let file = try folder.write("tool", "#!/bin/sh\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
        try folder.write("data", "")
        #expect(try command("[tool]", environment: ["PATH": "/nowhere:\(folder.path)"])?.program == file)
        #expect(
            try command(
                "{ run: [tool], environment: { PATH: \"\(folder.path)\" } }", environment: ["PATH": "/nowhere"])?
                .program == file)
        // What is not there is found missing when it is started.
        #expect(try command("[data]", environment: ["PATH": folder.path])?.program == "data")
    }

    @Test func usersAndGroupsAreNumbers() throws {
        #expect(try command("{ run: [/bin/sh], user: root }")?.account.user == 0)
        #expect(try command("{ run: [/bin/sh], user: root }")?.account.group == 0)
        #expect(try command("{ run: [/bin/sh], user: root }")?.account.groups?.contains(0) == true)
        let nobody = CommandConfiguration.Account(user: 4_000_000, group: 4_000_001, groups: [4_000_001])
        #expect(try command("{ run: [/bin/sh], user: 4000000, group: 4000001 }")?.account == nobody)
        #expect(
            try command("{ run: [/bin/sh], group: root }")?.account
                == CommandConfiguration.Account(user: nil, group: 0, groups: [0]))
    }

    @Test(arguments: [
        (
            "cat",
            "2:30: error: expected a program and its arguments such as [python3, -u, script.py], or a mapping with run, framing, directory, environment, user, group and kill_after, found \"cat\""
        ),
        (
            "[]",
            "2:30: error: expected a program and its arguments such as [python3, -u, script.py], found an empty list"
        ),
        ("[\"\"]", "2:31: error: expected the name or the path of a program, found nothing"),
        ("[a, [b]]", "2:34: error: expected text, found a list"),
        ("[a, \"\\0\"]", "2:34: error: an argument can't contain a zero byte"),
        ("{}", "2:30: error: missing key \"run\""),
        (
            "{ run: [a], framing: lines }",
            "2:51: error: expected line or binary, found \"lines\"; did you mean \"line\"?"
        ),
        ("{ run: [a], killafter: 1s }", "2:42: error: unknown key \"killafter\"; did you mean \"kill_after\"?"),
        ("{ run: [a], kill_after: soon }", "2:54: error: expected a duration such as 10s, found \"soon\""),
        ("{ run: [a], environment: [A] }", "2:55: error: expected a mapping of names to values, found a list"),
        (
            "{ run: [a], environment: { A-B: c } }",
            "2:57: error: expected the name of a variable: letters, digits and _, found \"A-B\""
        ),
        (
            "{ run: [a], environment: { 1A: c } }",
            "2:57: error: expected the name of a variable: letters, digits and _, found \"1A\""
        ),
        (
            "{ run: [a], user: no-such-user }",
            "2:48: error: expected the name of a user of this system, or the number of a user, found \"no-such-user\""
        ),
        (
            "{ run: [a], user: 4000000 }",
            "2:42: error: this system does not know the group of the user 4000000; add group"
        ),
        (
            "{ run: [a], group: no-such-group }",
            "2:49: error: expected the name of a group of this system, or the number of a group, found \"no-such-group\""
        ),
    ])
    func aMistakeIsReportedAtItsPlace(text: String, expected: String) {
        #expect(problems(file(text)) == [expected])
    }

    @Test func filesAreLookedAt() throws {
        let folder = try TemporaryDirectory()
        let program = try folder.write("program", "#!/bin/sh\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        try folder.write("data", "")
        func found(_ command: String) -> [String] {
            problems(
                file(command), environment: ["PATH": "/usr/bin:/bin"], directory: folder.path, judge: FakeJudge())
        }
        #expect(found("[./program]") == [])
        #expect(found("{ run: [sh], directory: . }") == [])
        #expect(found("[./missing]") == ["2:31: error: \"./missing\" does not exist"])
        #expect(found("[./data]") == ["2:31: error: \"./data\" can't be executed: Permission denied"])
        #expect(found("[/bin/]") == ["2:31: error: \"/bin/\" is a folder, expected a program"])
        #expect(
            found("[no-such-program]") == [
                "2:31: error: no folder of PATH has the program \"no-such-program\"; PATH is /usr/bin:/bin"
            ])
        #expect(found("{ run: [sh], directory: missing }") == ["2:54: error: the folder \"missing\" does not exist"])
    }
}
