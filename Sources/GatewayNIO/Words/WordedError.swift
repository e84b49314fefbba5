/// An error whose `description` is written for whoever runs the gateway: what was expected, what came, and the remedy.
///
/// The texts of all others, those of NIO, NIOSSL and the system, name functions, types and paths of the build. They pass
/// through `ListenFailure`, `ConnectFailure` or `TLSMaterialFailure` before they reach a log, an answer or a terminal.
public protocol WordedError: Error, CustomStringConvertible {}

extension AdoptionError: WordedError {}
extension NameLookupError: WordedError {}
extension ListenerError: WordedError {}
extension UnixSocketError: WordedError {}
extension ServerConnector.Unresolved: WordedError {}
