/// A client's way to whatever is to answer its WebSocket: a server of an upstream, or a command. Tells its
/// `UpstreamAttemptDelegate` what comes of it.
protocol ServerAttempt: AnyObject {
    func start()
    /// The client is gone: whatever is under way is given up.
    func cancel()
}
