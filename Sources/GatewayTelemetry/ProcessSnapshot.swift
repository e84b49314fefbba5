/// What the system says of the process. Each is nil where the system does not tell.
public struct ProcessSnapshot: Encodable, Equatable, Sendable {
    /// Of all threads, in user and in system mode.
    public var cpuSeconds: Double?
    public var openFileDescriptors: UInt64?
    /// The soft limit.
    public var maxFileDescriptors: UInt64?
    public var virtualMemoryBytes: UInt64?
    public var residentMemoryBytes: UInt64?
    /// When it started, since 1970.
    public var startTimeSeconds: Double?

    public init() {}

    enum CodingKeys: String, CodingKey {
        case cpuSeconds = "cpu_seconds"
        case openFileDescriptors = "open_fds"
        case maxFileDescriptors = "max_fds"
        case virtualMemoryBytes = "virtual_memory_bytes"
        case residentMemoryBytes = "resident_memory_bytes"
        case startTimeSeconds = "start_time_seconds"
    }
}

/// Limits of the whole process, of the configuration in force.
public struct LimitsSnapshot: Encodable, Equatable, Sendable {
    public var maxConnections: Int
    /// 0: no zlib state may be held.
    public var compressionMemoryBytes: Int

    enum CodingKeys: String, CodingKey {
        case maxConnections = "max_connections"
        case compressionMemoryBytes = "compression_memory_bytes"
    }
}

/// What the program was built from.
public struct BuildSnapshot: Encodable, Equatable, Sendable {
    /// `unknown` where the build was not told.
    public var commit: String
    /// Of the compiler.
    public var swift: String

    public init(commit: String = "unknown", swift: String = "unknown") {
        self.commit = commit
        self.swift = swift
    }
}
