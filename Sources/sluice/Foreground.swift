import ArgumentParser
import Gateway
import GatewayConfig
import Logging
import UnixSignals

/// A gateway that runs until it is told to stop.
enum Foreground {
    /// A signal this soon after the drain began is the same wish once more: a terminal signals all its programs, and
    /// npm, for one, passes the signal on as well.
    private static let sameWish = Duration.milliseconds(500)

    /// Returns when a drain is done; exits with 3 when the gateway can't start.
    ///
    /// - Parameters:
    ///   - watch: whether a reload follows each change of the files.  // wired by the assembly
    ///   - takeover: whether the listening sockets come from a running gateway.  // wired by the assembly
    ///   - started: called once everything listens.
    static func run(
        _ configuration: GatewayConfiguration, logger: Logger, watch: Bool = false, takeover: Bool = false,
        started: (Gateway) -> Void = { _ in }
    ) async throws {
        let descriptors = FileDescriptorLimit.raise()
        let (stops, stop) = AsyncStream.makeStream(of: Stop.self)
        do {
            try FileDescriptorLimit.check(for: configuration)
        } catch {
            StandardError.print("error: \(error)")
            throw Exit.couldNotStart
        }
        // Dispatch opens its timer when it is first used, and ends the process if it can't: clients come later.
        try? await Task.sleep(for: .nanoseconds(1))
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
            for await signal in signals { stop.yield(signal == .sighup ? .reload : .signal(signal, at: .now)) }
        }
        defer { watcher.cancel() }

        var drain: (task: Task<Void, Never>, began: ContinuousClock.Instant)?
        for await reason in stops {
            switch reason {
            case .reload:
                logger.warning("reload is not supported yet; the configuration stays as it is")
            case .signal(_, let time) where drain != nil:
                guard let drain, time - drain.began >= sameWish else { continue }
                logger.warning("second signal: exiting at once")
                LogWriter.standardError.flush()
                exitProcess(0)
            case .signal, .asked:
                guard drain == nil else { continue }
                logger.info("draining", metadata: ["reason": "\(reason)"])
                let task = Task {
                    await gateway.drain()
                    stop.finish()
                }
                drain = (task, .now)
            }
        }
        logger.info("stopped")
        LogWriter.standardError.flush()
    }

    private enum Stop: CustomStringConvertible {
        case signal(UnixSignal, at: ContinuousClock.Instant)
        case asked
        case reload

        var description: String {
            switch self {
            case .signal(let signal, _): "\(signal)"
            case .asked: "admin request"
            case .reload: "reload"
            }
        }
    }
}
