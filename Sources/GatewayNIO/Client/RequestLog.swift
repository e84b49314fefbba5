import Logging

/// The log of one request: each line names it. Nothing is made for lines that nobody wants.
struct RequestLog {
    private let process: Logger
    private let requestID: String

    init(_ process: Logger, requestID: String) {
        self.process = process
        self.requestID = requestID
    }

    /// A logger whose every line names the request, for whoever outlives it.
    var logger: Logger {
        var logger = process
        logger[metadataKey: "request_id"] = "\(requestID)"
        return logger
    }

    func info(
        _ message: @autoclosure () -> Logger.Message, metadata: @autoclosure () -> Logger.Metadata
    ) {
        if process.logLevel <= .info { logger.info(message(), metadata: metadata()) }
    }

    func warning(
        _ message: @autoclosure () -> Logger.Message, metadata: @autoclosure () -> Logger.Metadata
    ) {
        if process.logLevel <= .warning { logger.warning(message(), metadata: metadata()) }
    }
}
