/// Metrics line by line, in one of the two formats.
struct MetricText: Sendable {
    typealias Labels = [(name: String, value: String)]
    typealias Sample = (labels: Labels, value: String)
    enum Kind: String { case counter, gauge, histogram, info }

    /// Counters beside which there is a gauge of the same name without `_total`. In OpenMetrics a counter takes that name
    /// for itself.
    private static let besideGauges: Set<String> = [
        "sluice_http2_connections_total", "sluice_http2_streams_total", "sluice_requests_total",
    ]

    private let format: MetricFormat
    private var text = ""

    init(_ format: MetricFormat) { self.format = format }

    consuming func finished() -> String {
        if format == .openMetrics { text += "# EOF\n" }
        return text
    }

    /// A metric and all of its samples; nothing where there are none.
    mutating func write(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        header(name, kind, help)
        for each in samples { sample(name, each) }
    }

    mutating func header(_ name: String, _ kind: Kind, _ help: String) {
        switch format {
        case .prometheus:
            let type = kind == .info ? Kind.gauge : kind
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type.rawValue)\n"
        case .openMetrics:
            let isUnknown = Self.besideGauges.contains(name)
            let family = isUnknown ? name : Self.family(name, kind)
            text += "# TYPE \(family) \(isUnknown ? "unknown" : kind.rawValue)\n"
            for unit in ["seconds", "bytes"] where kind != .info && family.hasSuffix("_\(unit)") {
                text += "# UNIT \(family) \(unit)\n"
            }
            text += "# HELP \(family) \(help)\n"
        }
    }

    /// The name of a metric without what its kind appends to the names of samples.
    private static func family(_ name: String, _ kind: Kind) -> String {
        switch kind {
        case .counter where name.hasSuffix("_total"): String(name.dropLast("_total".count))
        case .info where name.hasSuffix("_info"): String(name.dropLast("_info".count))
        case .counter, .gauge, .histogram, .info: name
        }
    }

    /// Buckets, sum and count.
    mutating func histogram(_ name: String, _ labels: Labels, _ durations: HistogramSnapshot) {
        for bucket in durations.buckets {
            let limit = format == .openMetrics ? Self.float(bucket.limit) : bucket.limit
            sample("\(name)_bucket", (labels + [("le", limit)], "\(bucket.count)"), exemplar: bucket.exemplar)
        }
        sample("\(name)_sum", (labels, "\(durations.sum)"))
        sample("\(name)_count", (labels, "\(durations.count)"))
    }

    /// OpenMetrics writes limits of buckets as floating-point numbers.
    private static func float(_ limit: String) -> String {
        limit == "+Inf" || limit.contains(".") ? limit : limit + ".0"
    }

    private mutating func sample(_ name: String, _ sample: Sample, exemplar: Exemplar? = nil) {
        text += name + Self.written(sample.labels) + " " + sample.value
        if format == .openMetrics, let exemplar, exemplar.isWritable {
            let labels = "{request_id=\"\(Self.escaped(exemplar.requestID))\"}"
            text += " # \(labels) \(exemplar.seconds) \(exemplar.time)"
        }
        text += "\n"
    }

    private static func written(_ labels: Labels) -> String {
        if labels.isEmpty { return "" }
        return "{" + labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",") + "}"
    }

    /// Backslash, quote and line feed are all that a label value has to escape.
    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
