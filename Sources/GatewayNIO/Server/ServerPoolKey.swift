/// Which connections to a server may be shared. Another transport, with other TLS settings for instance, is another pool.
struct ServerPoolKey: Hashable {
    let server: LiveServer
    let transport: UpstreamTransport

    static func == (left: Self, right: Self) -> Bool {
        left.server === right.server && left.transport === right.transport
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(server))
        hasher.combine(ObjectIdentifier(transport))
    }
}
