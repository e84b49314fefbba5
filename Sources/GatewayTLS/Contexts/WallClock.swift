#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The time that certificates are judged by.
enum WallClock {
    /// Seconds since 1970-01-01.
    static func seconds() -> Int64 { Int64(time(nil)) }
}
