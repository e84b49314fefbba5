/// A program that is started for each WebSocket of a route.
public struct CommandConfiguration: Equatable, Sendable {
    /// How messages are told apart on its standard input and output.
    public enum Framing: String, CaseIterable, Sendable {
        /// A line is a text message.
        case line
        /// A message is its length, four bytes with the highest first, and so many bytes.
        case binary
    }

    /// As whom it runs. Both need the gateway to be root, unless they are its own.
    public struct Account: Equatable, Sendable {
        /// A user's number; nil: the gateway's.
        public var user: UInt32?
        /// A group's number; nil: the gateway's.
        public var group: UInt32?
        /// The supplementary groups; nil: the gateway's.
        public var groups: [UInt32]?

        public init(user: UInt32? = nil, group: UInt32? = nil, groups: [UInt32]? = nil) {
            self.user = user
            self.group = group
            self.groups = groups
        }
    }

    /// The program as the configuration names it, and its arguments. Never empty in a validated configuration; no shell
    /// looks at it.
    public var run: [String]
    /// The absolute path of the program's file.
    public var program: String
    public var framing: Framing
    /// Where it runs: an absolute path.
    public var directory: String
    /// Variables of its environment beside those of CGI (RFC 3875 §4.1), or in their place.
    public var environment: [String: String]
    public var account: Account
    /// How long it has between SIGTERM and SIGKILL; zero: no time.
    public var killAfter: Duration

    public static let usualKillAfter: Duration = .seconds(5)

    public init(
        run: [String], program: String, framing: Framing = .line, directory: String,
        environment: [String: String] = [:], account: Account = .init(),
        killAfter: Duration = CommandConfiguration.usualKillAfter
    ) {
        self.run = run
        self.program = program
        self.framing = framing
        self.directory = directory
        self.environment = environment
        self.account = account
        self.killAfter = killAfter
    }

    /// What the program is called in lists and logs: `python3` of `/usr/bin/python3`.
    public var name: String { program.split(separator: "/").last.map(String.init) ?? program }
}
