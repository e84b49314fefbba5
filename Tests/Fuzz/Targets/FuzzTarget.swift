/// What is fuzzed. Each target is a function of bytes that throws where an invariant does not hold, so that libFuzzer
/// and an ordinary test can run the same one.
enum FuzzTarget: String, CaseIterable, Sendable {
    case frames, extensions, handshake, inflater, session, configuration, http2, transport

    /// - Throws: `BrokenInvariant`.
    func check(_ bytes: UnsafeRawBufferPointer) throws {
        switch self {
        case .frames: try FramesTarget.check(bytes)
        case .extensions: try ExtensionsTarget.check(bytes)
        case .handshake: try HandshakeTarget.check(bytes)
        case .inflater: try InflaterTarget.check(bytes)
        case .session: try SessionTarget.check(bytes)
        case .configuration: try ConfigurationTarget.check(bytes)
        case .http2: try HTTP2Target.check(bytes)
        case .transport: try TransportTarget.check(bytes)
        }
    }
}

/// What was expected of some input, and what came.
struct BrokenInvariant: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Throws with the message when the condition does not hold; the message is made only then.
@inline(__always)
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    guard condition else { throw BrokenInvariant(message()) }
}
