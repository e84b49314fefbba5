public import GatewayTLS

/// An error whose `description` is written for whoever runs the gateway: what was expected, what came, and the remedy.
///
/// The texts of all others, those of NIO and the system, name functions, types and paths of the build. They pass through
/// `ListenFailure` or `ConnectFailure` before they reach a log, an answer or a terminal.
public protocol WordedError: Error, CustomStringConvertible {}

extension AdoptionError: WordedError {}
extension NameLookupError: WordedError {}
extension ListenerError: WordedError {}
extension UnixSocketError: WordedError {}
extension TLSFailure: WordedError {}
extension TLSMaterialFailure: WordedError {}
extension ServerConnector.Unresolved: WordedError {}
