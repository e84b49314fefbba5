#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The time that certificates are judged by.
public enum WallClock {
    /// Seconds since 1970-01-01.
    public static func seconds() -> Int64 { Int64(time(nil)) }
}
