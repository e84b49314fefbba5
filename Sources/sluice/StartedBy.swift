import Gateway

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What started the process, and what it wants to hear.
enum StartedBy {
    /// To be asked for before there are threads: it takes variables out of the environment.
    static let systemdSockets = Result { try SystemdSockets.take() }

    /// nil: nobody wants to be told how the program is.
    static let notifier = SystemdNotifier(environment: ProcessInfo.processInfo.environment)

    /// How often it wants a sign of life; nil: it does not.
    static let watchdogInterval = SystemdNotifier.watchdogInterval(
        environment: ProcessInfo.processInfo.environment, processID: ProcessInfo.processInfo.processIdentifier)

    /// Tells how many sockets there are, and that the event loops turn, until the task is cancelled.
    static func tell(about gateway: Gateway) async {
        guard let notifier else { return }
        let interval = watchdogInterval ?? statusInterval
        var told: String?
        repeat {
            let status = "sockets: \(gateway.socketCount)"
            if status != told { notifier.status(status) }
            told = status
            if watchdogInterval != nil {
                // A loop that is stuck never has its turn, and so there is no sign of life.
                await gateway.waitForLoops()
                notifier.watchdog()
            }
        } while (try? await Task.sleep(for: min(interval, statusInterval))) != nil
    }

    private static let statusInterval = Duration.seconds(5)
}
