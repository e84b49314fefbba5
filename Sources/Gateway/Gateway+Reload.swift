public import GatewayConfig
import GatewayNIO
import GatewayTelemetry
import Logging
import NIOPosix

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A configuration file that can be read again.
public struct ReloadableFile: Sendable {
    /// Absolute.
    public let path: String
    /// Reads and validates it, with the environment and everything that it names as they are now.
    public let load: @Sendable () throws(ConfigurationErrors) -> GatewayConfiguration

    public init(path: String, load: @escaping @Sendable () throws(ConfigurationErrors) -> GatewayConfiguration) {
        self.path = path
        self.load = load
    }
}

extension Gateway {
    /// Reads the configuration file again, and puts all of it into force or nothing.
    ///
    /// - Parameters:
    ///   - applies: false: only what would change is asked for.
    ///   - requester: for the log.
    public func reload(applies: Bool = true, by requester: Requester) async -> ReloadAnswer {
        if applies { reloadBegan() }
        defer { if applies { reloadEnded() } }
        return await reloads.run { [self] in
            if applies { settings.onReload(true) }
            let answer = await performReload(applies: applies)
            if applies {
                count(answer)
                log(answer, by: requester)
                settings.onReload(false)
            }
            return answer
        }
    }

    private func performReload(applies: Bool) async -> ReloadAnswer {
        guard let file = settings.file else {
            return .refused(.init(file: "", reason: "this gateway was started without a file"))
        }
        func refuse(_ reason: String) -> ReloadAnswer { .refused(.init(file: file.path, reason: reason)) }
        guard !isDraining else { return refuse("the gateway is draining; it stops when its connections have ended") }
        let current = server.generation
        let process = server.process
        let next: GatewayConfiguration
        do {
            // Files are read, patterns compiled: not on the threads that others wait for.
            next = try await NIOThreadPool.singleton.runIfActive { try file.load() }
        } catch let errors as ConfigurationErrors {
            return .refused(.init(file: file.path, errors: errors.errors))
        } catch {
            return refuse("\(error)")
        }
        let difference = ConfigurationDifference(from: current.configuration, to: next)
        func accept(_ sockets: GatewayServer.Fates) -> ReloadAnswer {
            .accepted(
                .init(
                    applied: applies, file: file.path, difference: difference, sockets: sockets,
                    warnings: next.warnings))
        }
        guard applies else { return accept(await server.fates(in: difference)) }
        do {
            let generation = try await NIOThreadPool.singleton.runIfActive {
                try Generation(next, process: process, previous: current)
            }
            // What can fail comes first, and takes back what was opened before it.
            let endpoint = try await admin.prepare(next.admin)
            do {
                let takeover = try await takeovers.prepare(next.admin?.takeoverSocket)
                do {
                    let sockets = try await server.follow(generation, difference: difference) {
                        settings.log.follow(next.log)
                    }
                    await admin.apply(endpoint)
                    await takeovers.apply(takeover)
                    return accept(sockets)
                } catch {
                    await takeovers.takeBack(takeover)
                    throw error
                }
            } catch {
                await admin.takeBack(endpoint)
                throw error
            }
        } catch {
            return refuse("\(error)")
        }
    }

    private func count(_ answer: ReloadAnswer) {
        switch answer {
        case .accepted: server.process.telemetry.reloads.applied(at: Self.secondsSince1970, isReload: true)
        case .refused: server.process.telemetry.reloads.refused()
        }
    }

    static var secondsSince1970: Double { Date().timeIntervalSince1970 }

    private func log(_ answer: ReloadAnswer, by requester: Requester) {
        switch answer {
        case .accepted(let answer):
            for warning in answer.warnings {
                logger.warning(
                    "configuration warning", metadata: ["place": "\(warning.place)", "reason": "\(warning.message)"])
            }
            var metadata = requester.metadata
            metadata["changes"] = "\(answer.difference.text.replacing("\n", with: "; "))"
            metadata["sockets_kept"] = .stringConvertible(answer.sockets.kept)
            metadata["sockets_drained"] = .stringConvertible(answer.sockets.drained)
            metadata["sockets_closed"] = .stringConvertible(answer.sockets.closed)
            logger.notice("configuration reloaded", metadata: metadata)
        case .refused(let answer):
            for error in answer.errors {
                var metadata: Logger.Metadata = ["reason": "\(error.message)"]
                if error.line > 0 { metadata["place"] = "\(error.place)" }
                logger.error("configuration error", metadata: metadata)
            }
            var metadata = requester.metadata
            metadata["errors"] = .stringConvertible(answer.errors.count)
            logger.error("configuration refused; the gateway keeps the previous one", metadata: metadata)
        }
    }
}

/// Who asked for something that changes the gateway, for the log.
public enum Requester: Sendable {
    case signal(String)
    /// The file was seen to change.
    case watch
    /// The admin endpoint: the peer's address, and whether it gave the token.
    case admin(peer: String, hasToken: Bool)

    var metadata: Logger.Metadata {
        switch self {
        case .signal(let name): ["by": "\(name)"]
        case .watch: ["by": "file change"]
        case .admin(let peer, let hasToken): ["by": "\(peer)", "token": hasToken ? "given" : "none"]
        }
    }
}
