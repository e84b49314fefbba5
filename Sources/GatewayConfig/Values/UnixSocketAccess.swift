/// Who may connect to a unix socket: the mode and the owners of its file. nil: as the process makes files.
public struct UnixSocketAccess: Equatable, Sendable {
    /// Permission bits, 0 to 0o777. To connect takes the one for writing (unix(7)).
    public var mode: UInt32?
    /// A user's number.
    public var owner: UInt32?
    /// A group's number.
    public var group: UInt32?

    public init(mode: UInt32? = nil, owner: UInt32? = nil, group: UInt32? = nil) {
        self.mode = mode
        self.owner = owner
        self.group = group
    }
}
