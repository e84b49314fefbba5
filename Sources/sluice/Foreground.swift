import ArgumentParser
import Gateway
import GatewayConfig
import Logging
import UnixSignals

/// A gateway that runs until it is told to stop.
enum Foreground {
    /// Returns when a drain is done; exits with 3 when the gateway can't start.
    ///
    /// - Parameter started: called once everything listens.
    static func run(
        _ configuration: GatewayConfiguration, logger: Logger, started: (Gateway) -> Void = { _ in }
    ) async throws {
        let descriptors = FileDescriptorLimit.raise()
        let (stops, stop) = AsyncStream.makeStream(of: Stop.self)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let gateway: Gateway
        do {
            gateway = try await Gateway.start(
                configuration, logger: logger, onDrainRequest: { stop.yield(.asked) })
        } catch {
            LogWriter.standardError.flush()
            StandardError.print("error: \(error)")
            throw Exit.couldNotStart
        }
        logger.info("started", metadata: ["version": "\(Gateway.version)", "file_descriptors": "\(descriptors)"])
        started(gateway)
        let watcher = Task {
            for await signal in signals { stop.yield(signal == .sighup ? .reload : .signal(signal)) }
        }
        defer { watcher.cancel() }

        var drain: Task<Void, Never>?
        for await reason in stops {
            switch reason {
            case .reload:
                logger.warning("reload is not supported yet; the configuration stays as it is")
            case .signal where drain != nil:
                logger.warning("second signal: exiting at once")
                LogWriter.standardError.flush()
                exitProcess(0)
            case .signal, .asked:
                guard drain == nil else { continue }
                logger.info("draining", metadata: ["reason": "\(reason)"])
                drain = Task {
                    await gateway.drain()
                    stop.finish()
                }
            }
        }
        logger.info("stopped")
        LogWriter.standardError.flush()
    }

    private enum Stop: CustomStringConvertible {
        case signal(UnixSignal)
        case asked
        case reload

        var description: String {
            switch self {
            case .signal(let signal): "\(signal)"
            case .asked: "admin request"
            case .reload: "reload"
            }
        }
    }
}
