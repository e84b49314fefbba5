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
    ///   - file: where the configuration is read again; nil: it came from no file.
    ///   - watch: whether the file is read again when it changes, or one that it names.
    ///   - takeover: whether the listening sockets come from the gateway that runs.
    ///   - started: called once everything listens.
    static func run(
        _ configuration: GatewayConfiguration, file: ReloadableFile? = nil, watch: Bool = false,
        takeover: Bool = false, started: (Gateway) -> Void = { _ in }
    ) async throws {
        let log = LogSettings(configuration.log)
        let logger = StandardErrorLog.logger(log)
        for warning in configuration.warnings {
            logger.warning(
                "configuration warning", metadata: ["place": "\(warning.place)", "reason": "\(warning.message)"])
        }
        let descriptors = FileDescriptorLimit.raise()
        let (events, event) = AsyncStream.makeStream(of: Event.self)
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
                configuration,
                settings: .init(file: file, log: log, onDrainRequest: { event.yield(.drain(by: "admin request")) }))
        } catch {
            LogWriter.standardError.flush()
            StandardError.print("error: \(error)")
            throw Exit.couldNotStart
        }
        logger.info("started", metadata: ["version": "\(Gateway.version)", "file_descriptors": "\(descriptors)"])
        started(gateway)
        let watcher = Task {
            for await signal in signals { event.yield(signal == .sighup ? .reload : .signal(signal, at: .now)) }
        }
        defer { watcher.cancel() }

        var drain: (task: Task<Void, Never>, began: ContinuousClock.Instant)?
        for await next in events {
            let reason: String
            switch next {
            case .reload:
                // Reloads wait for each other; a signal to stop waits for none.
                Task { _ = await gateway.reload(by: .signal("SIGHUP")) }
                continue
            case .signal(let signal, let time):
                if let drain {
                    guard time - drain.began >= sameWish else { continue }
                    logger.warning("second signal: exiting at once")
                    LogWriter.standardError.flush()
                    exitProcess(0)
                }
                reason = "\(signal)"
            case .drain(let requester):
                reason = requester
            }
            guard drain == nil else { continue }
            logger.info("draining", metadata: ["reason": "\(reason)"])
            let task = Task {
                await gateway.drain()
                event.finish()
            }
            drain = (task, .now)
        }
        logger.info("stopped")
        LogWriter.standardError.flush()
    }

    private enum Event {
        case signal(UnixSignal, at: ContinuousClock.Instant)
        case drain(by: String)
        case reload
    }
}
