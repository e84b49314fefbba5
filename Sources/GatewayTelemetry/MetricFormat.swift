/// How metrics are written.
public enum MetricFormat: Sendable, CaseIterable {
    /// The text format of Prometheus, version 0.0.4.
    case prometheus
    /// OpenMetrics 1.0.0: the same, and exemplars.
    case openMetrics

    /// What `Content-Type` has to say.
    public var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The one that a client prefers: OpenMetrics where it accepts version 1.0.0 of it, or any version, no less than text
    /// (RFC 9110 §12.5.1).
    ///
    /// - Parameter accept: every `Accept` field.
    public init(accept: [String]) {
        var best = (openMetrics: 0.0, text: 0.0)
        for range in accept.flatMap({ $0.split(separator: ",") }) {
            let parts = range.split(separator: ";").map { Self.trimmed($0).lowercased() }
            var quality = 1.0
            var version = "1.0.0"
            for parameter in parts.dropFirst() {
                if parameter.hasPrefix("q=") { quality = Double(parameter.dropFirst(2)) ?? 0 }
                if parameter.hasPrefix("version=") { version = parameter.dropFirst(8).filter { $0 != "\"" } }
            }
            switch parts.first {
            case "application/openmetrics-text" where version == "1.0.0":
                best.openMetrics = max(best.openMetrics, quality)
            case "text/plain", "text/*", "*/*": best.text = max(best.text, quality)
            default: break
            }
        }
        self = best.openMetrics > 0 && best.openMetrics >= best.text ? .openMetrics : .prometheus
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
