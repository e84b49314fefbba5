/// The plain HTTP requests of one route on one event loop; written by that loop alone.
struct RequestCounters: ~Copyable, Sendable {
    /// Requests under way.
    let active = Gauge()
    /// Requests that began.
    let total = Counter()

    let informational = Counter()
    let successful = Counter()
    let redirection = Counter()
    let clientError = Counter()
    let serverError = Counter()

    /// Of bodies, without the framing of either HTTP version.
    let bytesFromClient = Counter()
    let bytesToClient = Counter()

    /// From the request's head to the end of the answer.
    let durations = DurationHistogram()

    /// By class, such as `2xx`.
    var statuses: [(name: String, count: UInt64)] {
        [
            ("1xx", informational.value), ("2xx", successful.value), ("3xx", redirection.value),
            ("4xx", clientError.value), ("5xx", serverError.value),
        ]
    }

    /// What no class has is not counted.
    func answered(status: Int) {
        switch status {
        case 100...199: informational.add()
        case 200...299: successful.add()
        case 300...399: redirection.add()
        case 400...499: clientError.add()
        case 500...599: serverError.add()
        default: break
        }
    }
}

/// Every function from the loop alone.
extension RouteCounters {
    /// A plain HTTP request was let in: it is under way until ``requestEnded(status:bytesFromClient:bytesToClient:microseconds:)``.
    public func requestBegan() {
        requests.total.add()
        requests.active.add()
    }

    /// Bytes of the body that came from the client, as they come. Nothing is counted of what is negative.
    public func requestBytes(fromClient bytes: Int) {
        requests.bytesFromClient.add(UInt64(clamping: bytes))
    }

    /// Bytes of the answer's body that went to the client, as they go. Nothing is counted of what is negative.
    public func requestBytes(toClient bytes: Int) {
        requests.bytesToClient.add(UInt64(clamping: bytes))
    }

    /// A request that began is over, once for each.
    ///
    /// - Parameters:
    ///   - status: of the final answer, 100 to 599; nil: there was none.
    ///   - bytesFromClient: those that ``requestBytes(fromClient:)`` was not told of.
    ///   - bytesToClient: those that ``requestBytes(toClient:)`` was not told of.
    ///   - microseconds: from the request's head to the end of its answer.
    public func requestEnded(
        status: Int?, bytesFromClient: Int = 0, bytesToClient: Int = 0, microseconds: UInt64
    ) {
        requests.active.subtract()
        if let status { requests.answered(status: status) }
        if bytesFromClient > 0 { requestBytes(fromClient: bytesFromClient) }
        if bytesToClient > 0 { requestBytes(toClient: bytesToClient) }
        requests.durations.record(microseconds: microseconds)
    }
}
