/// How long one process of a takeover waits for the other.
struct TakeoverTimes: Sendable {
    /// The old one, for the first line.
    var hello = Duration.seconds(5)
    /// The new one, for the sockets; and the old one, until they are taken.
    var offer = Duration.seconds(10)
    /// The old one, until the new one has started.
    var ready = Duration.seconds(60)
    /// The new one, until the old one has stopped accepting.
    var ended = Duration.seconds(30)
}
