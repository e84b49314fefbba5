extension GatewayConfiguration {
    /// The absolute paths of all files that the configuration names, sorted, each once: certificates, keys and
    /// authorities, of listeners and of upstreams. Not the configuration file itself, and no sockets.
    public var files: [String] {
        var paths: Set<String> = []
        for case let tls? in listeners.map(\.tls) {
            for pair in tls.certificates { paths.formUnion([pair.certificate, pair.privateKey]) }
            if let authorities = tls.clientCA { paths.insert(authorities) }
        }
        paths.formUnion(upstreams.compactMap { $0.tls?.ca })
        return paths.sorted()
    }
}
