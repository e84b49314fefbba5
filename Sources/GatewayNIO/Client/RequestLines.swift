import GatewayPolicy
import GatewayTLS

/// The lines of the log about one request. All begin alike: with what names the request, and who has sent it.
struct RequestLines {
    let log: LineLog
    let requestID: String
    /// Its name.
    let listener: String
    let version: LegVersion
    /// nil: no head that can be read has come.
    let request: LoggedRequest?
    /// Whoever is at the other end of the client's connection.
    let peer: () -> ClientAddress

    /// Begins a line; nil: nobody wants it, and nothing is to be made for it.
    ///
    /// - Parameters:
    ///   - client: nil: it is what the request and its listener say.
    ///   - protection: of the connection; nil: it is in the clear.
    ///   - hasFields: false: neither values of header fields nor the query. A request that is refused may have a secret
    ///     anywhere.
    ///   - query: whether lines have the query.
    func begin(
        _ message: String, client: ClientAddress? = nil, protection: @autoclosure () -> TLSProtection?,
        hasFields: Bool = true, query: Bool
    ) -> LogLine? {
        guard var line = log.begin(message) else { return nil }
        line.add("request_id", requestID)
        line.add("listener", listener)
        line.add("client_protocol", version.rawValue)
        if let request {
            request.write(
                to: &line, client: client, protection: protection(), hasFields: hasFields, query: query && hasFields)
        } else {
            line.add("client", peer().description)
        }
        return line
    }

    func write(_ line: LogLine) { log.write(line) }
}
