import GatewayConfig
import GatewayPolicy
import HTTPTypes
import Logging
import NIOCore

/// The way to a command for one client: its pipes, its process. Nothing has been sent to the client before it runs.
final class CommandStart: ServerAttempt {
    private let environment: [[UInt8]]
    private let subprotocol: String?
    private let process: CommandProcess
    private let loop: LoopContext
    private let logger: Logger
    private weak var delegate: (any UpstreamAttemptDelegate)?
    private var leg: CommandLeg?
    private var isOver = false

    /// - Parameters:
    ///   - environment: each `NAME=value`.
    ///   - subprotocol: what the client is answered.
    init(
        _ command: Command, environment: [[UInt8]], subprotocol: String?, route: LiveRoute, loop: LoopContext,
        logger: Logger, delegate: any UpstreamAttemptDelegate
    ) {
        var logger = logger
        logger[metadataKey: "route"] = "\(route.name)"
        logger[metadataKey: "command"] = "\(command.configuration.name)"
        self.environment = environment
        self.subprotocol = subprotocol
        self.loop = loop
        self.logger = logger
        self.delegate = delegate
        process = CommandProcess(command, route: route, loop: loop, logger: logger)
    }

    func start() {
        do {
            let pipes = try CommandPipes.open()
            let leg = CommandLeg(process: process, loop: loop, logger: logger)
            self.leg = leg
            do {
                try leg.open(pipes)
            } catch {
                pipes.closeCommandEnds()
                throw error
            }
            process.start(environment: environment, pipes: pipes) { [self] result in started(result) }
        } catch {
            lacksResources(error)
        }
    }

    func cancel() {
        isOver = true
        leg?.giveUp()
    }

    private func started(_ result: Result<Void, CommandStartFailure>) {
        // What the closures of the process still hold is little.
        guard let leg = leg.take(), !isOver else { return }
        isOver = true
        switch result {
        case .success:
            delegate?.upgraded(
                UpgradedServer(
                    leg: leg, server: .command(process), fields: [:], subprotocol: subprotocol, extensions: []))
        case .failure(let failure):
            leg.closeChannels()
            delegate?.failed(failure.isLackOfResources ? .outOfResources : .commandFailed)
        }
    }

    private func lacksResources(_ error: any Error) {
        leg.take()?.closeChannels()
        guard !isOver else { return }
        isOver = true
        logger.warning(
            "no resources left for a command",
            metadata: ["reason": "\((error as? IOError).map { ConnectFailure.text(for: $0) } ?? "\(error)")"])
        delegate?.failed(.outOfResources)
    }
}
