import GatewayConfig
import Testing

@testable import GatewayNIO

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite struct CommandLaunchTests {
    /// Starts a command, and returns how it ended and what it wrote to both outputs, which have to fit into a pipe.
    private func run(
        _ words: [String], environment: [String] = [], directory: String = "/",
        account: CommandConfiguration.Account = .init()
    ) async throws -> (exit: CommandExit, output: String, errors: String) {
        let configuration = CommandConfiguration(
            run: words, program: words[0], directory: directory, account: account)
        let pipes = try CommandPipes.open()
        close(pipes.input.write)
        defer {
            close(pipes.output.read)
            close(pipes.errors.read)
        }
        let exit = try await CommandLaunch(
            configuration: configuration, environment: environment.map { Array($0.utf8) }
        ).run(pipes) { _ in }
        return (exit, Self.readAll(pipes.output.read), Self.readAll(pipes.errors.read))
    }

    private static func readAll(_ descriptor: CInt) -> String {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test(
        arguments: [
            ("exit 0", .status(0)), ("exit 3", .status(3)), ("kill -9 $$", .signal(9)), ("kill $$", .signal(15)),
        ] as [(String, CommandExit)])
    func howItEndedIsKnown(script: String, expected: CommandExit) async throws {
        #expect(try await run(["/bin/sh", "-c", script]).exit == expected)
    }

    @Test func itGetsItsPipesItsEnvironmentAndItsFolder() async throws {
        let (_, output, errors) = try await run(
            ["/bin/sh", "-c", "echo \"$A|$0|$1\"; pwd; echo trouble >&2", "zero", "a  b"], environment: ["A=x=é"],
            directory: "/usr")
        #expect(output == "x=é|zero|a  b\n/usr\n")
        #expect(errors == "trouble\n")
        #expect(try await run(["/usr/bin/env"], environment: ["ONLY=this"]).output == "ONLY=this\n")
    }

    @Test func itsFirstWordIsAsItWasWritten() async throws {
        let configuration = CommandConfiguration(run: ["name", "-c", "echo $0"], program: "/bin/sh", directory: "/")
        let pipes = try CommandPipes.open()
        close(pipes.input.write)
        _ = try await CommandLaunch(configuration: configuration, environment: []).run(pipes) { _ in }
        #expect(Self.readAll(pipes.output.read) == "name\n")
        close(pipes.output.read)
        close(pipes.errors.read)
    }

    @Test func itLeadsASessionAndAGroup() async throws {
        let (_, output, _) = try await run(["/bin/sh", "-c", "cut -d' ' -f1,5,6 /proc/$$/stat"])
        let numbers = output.split(whereSeparator: \.isWhitespace)
        #expect(numbers.count == 3)
        #expect(Set(numbers).count == 1)
    }

    @Test func whatCanNotBeStartedIsSaid() async throws {
        await #expect(throws: CommandStartFailure.self) { try await run(["/no/such/program"]) }
        do {
            _ = try await run(["/bin/sh"], directory: "/no/such/folder")
            Issue.record("expected a failure")
        } catch let failure as CommandStartFailure {
            #expect(failure.reason.hasPrefix("the system can't enter its directory"))
            #expect(!failure.isLackOfResources)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root may be somebody else"))
    func itRunsAsSomebodyElse() async throws {
        let account = CommandConfiguration.Account(user: 4_000_000, group: 4_000_001, groups: [4_000_001])
        let (_, output, _) = try await run(
            ["/bin/sh", "-c", "id -u; id -g; id -G"], environment: ["PATH=/usr/bin:/bin"], account: account)
        #expect(output == "4000000\n4000001\n4000001\n")
    }

    @Test func closesWereSaid() {
        #expect("\(CommandExit.status(3))" == "the command ended with status 3")
        #expect("\(CommandExit.signal(9))" == "signal 9 ended the command")
    }
}
