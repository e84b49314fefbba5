extension GatewayConfiguration {
    /// The absolute paths of all files that the configuration names, sorted, each once: certificates, keys, OCSP
    /// responses, authorities and ticket keys, of listeners and of upstreams. Not the configuration file itself, and no
    /// sockets.
    public var files: [String] {
        let paths = listeners.flatMap { $0.tls?.files ?? [] } + upstreams.flatMap { $0.tls?.files ?? [] }
        return Set(paths).sorted()
    }
}
