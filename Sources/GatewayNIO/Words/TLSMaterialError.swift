/// Certificates or keys that can't be used.
public struct TLSMaterialError: Error, CustomStringConvertible {
    /// What they are for, such as "listener public".
    public let place: String
    public let reason: String

    public var description: String { "\(place): \(reason)" }
}
