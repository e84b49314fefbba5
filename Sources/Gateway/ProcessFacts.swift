import GatewayTelemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the system says of this process (proc(5)).
enum ProcessFacts {
    static func now() -> ProcessSnapshot {
        var snapshot = ProcessSnapshot()
        var used = timespec()
        if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0 {
            snapshot.cpuSeconds = Double(used.tv_sec) + Double(used.tv_nsec / 1_000_000) / 1000
        }
        snapshot.openFileDescriptors = openFileDescriptors()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            snapshot.maxFileDescriptors = UInt64(limit.rlim_cur)
        }
        snapshot.residentMemoryBytes = ResidentMemory.bytes()
        // Behind the name of the program, which may contain anything.
        let fields = (text(of: "/proc/self/stat").split(separator: ")").last ?? "").split(separator: " ")
        if fields.count > 20 {
            snapshot.virtualMemoryBytes = UInt64(fields[20])
            if let bootTime, let ticks = Double(fields[19]) {
                snapshot.startTimeSeconds = bootTime + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
            }
        }
        return snapshot
    }

    /// Linux 6.2 and later tell the number as the size of the directory; before that it has to be read.
    private static func openFileDescriptors() -> UInt64? {
        var status = stat()
        guard stat("/proc/self/fd", &status) == 0 else { return nil }
        if status.st_size > 0 { return UInt64(status.st_size) }
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count: UInt64 = 0
        while readdir(directory) != nil { count += 1 }
        // Itself, its parent, and the descriptor that reads it.
        return count >= 3 ? count - 3 : 0
    }

    /// Seconds since 1970.
    private static let bootTime: Double? = text(of: "/proc/stat").split(separator: "\n")
        .first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst("btime ".count)) }

    /// Empty where the file can't be read. Its first 64 KiB are enough.
    private static func text(of path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        return String(unsafeUninitializedCapacity: 65_536) { fread($0.baseAddress, 1, $0.count, file) }
    }
}
