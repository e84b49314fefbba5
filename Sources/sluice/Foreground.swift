import ArgumentParser
import Gateway
import GatewayConfig
import Logging
import UnixSignals

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A gateway that runs until it is told to stop.
enum Foreground {
    /// A signal this soon after the drain began is the same wish once more: a terminal signals all its programs, and
    /// npm, for one, passes the signal on as well.
    private static let sameWish = Duration.milliseconds(500)

    /// Returns when a drain is done; exits with 3 when the gateway can't start.
    ///
    /// - Parameters:
    ///   - settings: those that are not the foreground's own to set.
    ///   - watch: finds out when the file is to be read again; nil: nobody does.
    ///   - started: called once everything listens.
    static func run(
        _ configuration: GatewayConfiguration, settings: Gateway.Settings, watch: ConfigurationWatch? = nil,
        started: (Gateway) -> Void = { _ in }
    ) async throws {
        let logger = StandardErrorLog.logger(settings.log)
        for warning in configuration.warnings {
            logger.warning(
                "configuration warning", metadata: ["place": "\(warning.place)", "reason": "\(warning.message)"])
        }
        let descriptors = FileDescriptorLimit.raise()
        do {
            try FileDescriptorLimit.check(for: configuration)
        } catch {
            StandardError.print("error: \(error)")
            throw Exit.couldNotStart
        }
        // Dispatch opens its timer when it is first used, and ends the process if it can't: clients come later.
        try? await Task.sleep(for: .nanoseconds(1))
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let (events, event) = AsyncStream.makeStream(of: Event.self)
        var settings = settings
        settings.commit = Version.commit
        settings.onDrainRequest = { event.yield(.drain(by: $0)) }
        settings.onSuccessor = { event.yield(.succeeded) }
        settings.onReload = { begins in
            if begins { StartedBy.notifier?.reloading() } else { StartedBy.notifier?.ready() }
        }
        let gateway: Gateway
        do {
            gateway = try await Gateway.start(configuration, settings: settings)
        } catch {
            LogWriter.standardError.flush()
            StandardError.print("error: \(error)")
            throw Exit.couldNotStart
        }
        logger.info(
            "started", metadata: ["version": "\(Gateway.version)", "file_descriptors": .stringConvertible(descriptors)])
        if settings.takeover != nil {
            StartedBy.notifier?.mainProcess(ProcessInfo.processInfo.processIdentifier)
        }
        StartedBy.notifier?.ready()
        started(gateway)
        let background = [
            Task { for await signal in signals { event.yield(.signal(signal, at: .now)) } },
            Task { await StartedBy.tell(about: gateway) },
            Task {
                guard let watch else { return }
                for await _ in watch.changes(others: { gateway.files }) { _ = await gateway.reload(by: .watch) }
            },
        ]
        await wait(for: gateway, events: events, event: event, logger: logger)
        for task in background { task.cancel() }
        logger.info("stopped")
        LogWriter.standardError.flush()
    }

    /// Returns when a drain is done.
    private static func wait(
        for gateway: Gateway, events: AsyncStream<Event>, event: AsyncStream<Event>.Continuation, logger: Logger
    ) async {
        var drainBegan: ContinuousClock.Instant?
        for await next in events {
            let reason: String
            switch next {
            case .signal(.sighup, _):
                // Reloads wait for each other; a signal to stop waits for none.
                Task { _ = await gateway.reload(by: .signal("SIGHUP")) }
                continue
            case .signal(let signal, let time):
                if let drainBegan {
                    guard time - drainBegan >= sameWish else { continue }
                    logger.warning("second signal; the gateway exits at once")
                    LogWriter.standardError.flush()
                    gateway.killCommands()
                    exitProcess(0)
                }
                reason = "\(signal)"
            case .drain(let requester):
                reason = requester
            case .succeeded:
                reason = "takeover"
            }
            guard drainBegan == nil else { continue }
            drainBegan = .now
            logger.info("draining", metadata: ["reason": "\(reason)"])
            // With a successor the service goes on.
            if case .succeeded = next {} else { StartedBy.notifier?.stopping() }
            Task {
                await gateway.drain()
                event.finish()
            }
        }
    }

    private enum Event {
        case signal(UnixSignal, at: ContinuousClock.Instant)
        /// Asked for otherwise: by whom.
        case drain(by: String)
        /// Another process accepts the connections.
        case succeeded
    }
}
