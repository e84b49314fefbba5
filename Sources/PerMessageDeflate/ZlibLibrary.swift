internal import CZlib

/// The zlib that the process runs with, which need not be the one it was built with.
public enum ZlibLibrary {
    /// Such as `1.2.13`.
    public static var version: String { zlibVersion().map { String(cString: $0) } ?? "unknown" }
}
