import ArgumentParser
import GatewayCommands
import GatewayConfig
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch a running gateway: routes, servers and connections.",
        usage: "sluice top [--config] <file> [--admin <address>] [--token-file <file>] [--interval <time>]",
        discussion: """
            The command finds the gateway by --admin, the admin section of FILE, SLUICE_ADMIN or the default file.

            If standard output is not a terminal, the command prints everything once. NO_COLOR turns colours off.

            Keys: 1, 2, 3 and Tab choose what the screen shows. s sorts by the next column, r reverses the order. / shows \
            only lines with a text. p pauses. ? shows all keys. q quits.

            Examples:
              sluice top
              sluice top --admin 127.0.0.1:9901 --interval 500ms

            docs/operations.md of the source explains each figure.
            """)

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var admin: AdminOption

    @Option(
        help: ArgumentHelp("The time between two questions to the gateway, 100ms to 1h.", valueName: "time"),
        transform: Self.interval)
    var interval = Duration.seconds(2)

    /// What is shown of a longer list is sorted among these alone.
    private static let connectionLimit = 1000

    private static func interval(_ text: String) throws -> Duration {
        guard let interval = DurationText.parse(text), (.milliseconds(100)...Duration.seconds(3600)).contains(interval)
        else {
            throw ValidationError("expected a duration from 100ms to 1h")
        }
        return interval
    }

    func validate() throws {
        try admin.validate(beside: file)
    }

    func run() async throws {
        let conversation = try AdminConversation(admin.target(file, signal: ""), timeLimit: 10)
        let clock = TopClock()
        guard let terminal = Terminal() else {
            let reading = try await Self.first(conversation, connections: true, clock)
            StandardOutput.print(StatsReport(reading.stats, address: "\(conversation.target.address)").text)
            StandardOutput.print("\n" + ConnectionsReport(reading.connections ?? []).text)
            return
        }
        // Before the screen changes: who asks nobody reads it as with other commands.
        var state = TopState(address: "\(conversation.target.address)")
        state.take(try await Self.first(conversation, connections: false, clock))
        await watch(terminal, conversation, clock, &state)
    }

    private func watch(
        _ terminal: Terminal, _ conversation: AdminConversation, _ clock: TopClock, _ state: inout TopState
    ) async {
        let style = TextStyle(of: STDOUT_FILENO)
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup, .sigquit, .sigwinch, .sigcont)
        let (events, event) = AsyncStream.makeStream(of: Event.self)
        let background = Task { for await signal in signals { event.yield(.signal(signal)) } }
        terminal.enter()
        defer {
            background.cancel()
            terminal.leave()
        }
        terminal.readKeys { event.yield(.keys($0)) }
        var keys = TopKeyReader()
        var isReading = false
        func read(after pause: Duration, connections: Bool) {
            isReading = true
            Task {
                try? await Task.sleep(for: pause)
                event.yield(.read(await Self.look(conversation, connections: connections, clock)))
            }
        }
        read(after: interval, connections: state.wantsConnections)
        terminal.draw(TopScreen(state, width: terminal.size.width, height: terminal.size.height, style: style).lines)
        for await next in events {
            switch next {
            case .read(let result):
                switch result {
                case .success(let reading): state.take(reading)
                case .failure(let refusal): state.take(failure: refusal.text)
                }
                let isEarly = state.wantsConnections && state.lacksConnections
                read(after: isEarly ? .zero : interval, connections: state.wantsConnections)
            case .keys(let bytes):
                for key in keys.keys(bytes) {
                    switch state.take(key, height: terminal.size.height) {
                    case .stay: break
                    case .read:
                        // The reading under way has no connections; the next one follows it at once.
                        if !isReading { read(after: .zero, connections: true) }
                    case .redraw: terminal.clear()
                    case .suspend: terminal.suspend()
                    case .quit: return
                    }
                }
            case .signal(.sigwinch): terminal.clear()
            case .signal(.sigcont): terminal.enter()
            case .signal: return
            }
            let size = terminal.size
            terminal.draw(TopScreen(state, width: size.width, height: size.height, style: style).lines)
        }
    }

    private enum Event: Sendable {
        case read(Result<TopReading, AdminConversation.Refusal>)
        case keys([UInt8])
        case signal(UnixSignal)
    }

    /// Prints why not and exits with 3, where the gateway does not answer.
    private static func first(
        _ conversation: AdminConversation, connections: Bool, _ clock: TopClock
    ) async throws -> TopReading {
        switch await look(conversation, connections: connections, clock) {
        case .success(let reading): return reading
        case .failure(let refusal): throw conversation.failed(refusal.text)
        }
    }

    private static func look(
        _ conversation: AdminConversation, connections: Bool, _ clock: TopClock
    ) async -> Result<TopReading, AdminConversation.Refusal> {
        do {
            let answer = try await conversation.answer("GET", "/stats", expecting: [200], limit: Stats.answerLimit)
            let time = clock.seconds
            guard let stats = StatsReading(json: answer.body) else {
                return .failure(conversation.unknownForm(answer, to: "GET /stats"))
            }
            guard connections else { return .success(TopReading(time: time, stats: stats, connections: nil)) }
            let list = try await conversation.answer(
                "GET", Connections.path(limit: connectionLimit), expecting: [200],
                limit: Connections.answerLimit(for: connectionLimit))
            guard let connections = ConnectionReading.list(json: list.body) else {
                return .failure(conversation.unknownForm(list, to: "GET /connections"))
            }
            return .success(TopReading(time: time, stats: stats, connections: connections))
        } catch let refusal as AdminConversation.Refusal {
            return .failure(refusal)
        } catch {
            return .failure(.init(text: "\(error)"))
        }
    }
}

/// Time since the start.
struct TopClock {
    private let start = ContinuousClock.now

    var seconds: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
