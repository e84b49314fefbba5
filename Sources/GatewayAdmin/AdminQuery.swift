import GatewayConfig
import GatewayTelemetry

/// A part of a request that can't be used: the text of a 400.
struct AdminMistake: Error {
    var message: String
}

/// The parameters of a request: each of them known, and given once.
struct AdminQuery {
    private var values: [String: String] = [:]

    /// - Parameter text: what stands behind the question mark.
    init(_ text: Substring, among known: [String]) throws(AdminMistake) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decodedQuery(parts[0]),
                let value = parts.count > 1 ? PercentCoding.decodedQuery(parts[1]) : ""
            else {
                throw AdminMistake(message: "the query is not percent-encoded UTF-8")
            }
            guard known.contains(name) else {
                throw AdminMistake(
                    message: known.isEmpty
                        ? "expected no parameters" : "unknown parameter, expected \(known.joined(separator: ", "))")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw AdminMistake(message: "\(name) came twice, expected once")
            }
        }
    }

    static let listParameters = ["route", "server", "ip", "search", "sort", "order", "offset", "limit"]

    /// `GET /connections`
    func filter() throws(AdminMistake) -> ConnectionFilter {
        var filter = ConnectionFilter(route: values["route"], server: values["server"], ip: values["ip"])
        if let text = values["search"], !text.isEmpty {
            guard text.utf8.count <= ConnectionFilter.maximumSearch else {
                throw AdminMistake(
                    message: "search has \(text.utf8.count) bytes, expected \(ConnectionFilter.maximumSearch) at most")
            }
            filter.search = text
        }
        if let text = values["sort"] {
            guard let sort = ConnectionSort(rawValue: text) else {
                let names = ConnectionSort.allCases.map(\.rawValue).joined(separator: ", ")
                throw AdminMistake(message: "expected sort to be one of \(names)")
            }
            filter.sort = sort
        }
        if let text = values["order"] {
            guard text == "asc" || text == "desc" else {
                throw AdminMistake(message: "expected order to be asc or desc")
            }
            filter.descending = text == "desc"
        }
        if let text = values["offset"] {
            guard let offset = Int(decimalDigits: text), offset <= ConnectionFilter.maximumOffset else {
                throw AdminMistake(
                    message: "expected offset to be a number from 0 to \(ConnectionFilter.maximumOffset)")
            }
            filter.offset = offset
        }
        if let text = values["limit"] {
            guard let limit = Int(decimalDigits: text), (1...ConnectionFilter.maximumLimit).contains(limit) else {
                throw AdminMistake(message: "expected limit to be a number from 1 to \(ConnectionFilter.maximumLimit)")
            }
            filter.limit = limit
        }
        return filter
    }

    /// `DELETE /connections`: never all of them by an oversight, such as a variable of a script that is not set.
    func closing() throws(AdminMistake) -> ClosingRequest {
        let names = ["route", "server", "ip"]
        for name in names where values[name] == "" {
            throw AdminMistake(message: "\(name) is empty; give it a value or leave it out")
        }
        guard names.contains(where: { values[$0] != nil }) else {
            throw AdminMistake(
                message: "expected at least one of route, server and ip, such as /connections?route=NAME; "
                    + "POST /drain ends every connection")
        }
        return ClosingRequest(
            filter: ConnectionFilter(
                route: values["route"], server: values["server"], ip: values["ip"], limit: .max),
            code: try code(), reason: try reason(), perSecond: try perSecond())
    }

    /// Of the Close: one of those that may stand in it (RFC 6455 §7.4), or 1008.
    func code() throws(AdminMistake) -> UInt16 {
        guard let text = values["code"] else { return 1008 }
        guard let code = UInt16(decimalDigits: text),
            [1000...1003, 1007...1014, 3000...4999].contains(where: { $0 ~= code })
        else {
            throw AdminMistake(
                message: "the gateway can't send this code, expected 1000 to 1003, 1007 to 1014 or 3000 to 4999")
        }
        return code
    }

    /// Of the Close: what fits into a control frame (RFC 6455 §5.5).
    func reason() throws(AdminMistake) -> String {
        let reason = values["reason"] ?? ""
        guard reason.utf8.count <= 123 else {
            throw AdminMistake(message: "reason is \(reason.utf8.count) bytes, limit 123")
        }
        return reason
    }

    /// `rate`: `50/s`, `0.5/s`, `30/m`; nil where there is none.
    func perSecond() throws(AdminMistake) -> Double? {
        guard let text = values["rate"] else { return nil }
        for (unit, seconds) in [("/s", 1.0), ("/m", 60.0)] where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count).split(separator: ".", omittingEmptySubsequences: false)
            guard digits.count <= 2, digits.allSatisfy({ UInt32(decimalDigits: $0) != nil }),
                let number = Double(digits.joined(separator: ".")),
                // Slower than any use, and faster than any machine: no arithmetic with it overflows.
                (0.001...1_000_000).contains(number / seconds)
            else { break }
            return number / seconds
        }
        throw AdminMistake(message: "expected a rate such as 50/s, from 0.001/s to 1000000/s")
    }
}

/// Percent-encoding (RFC 3986 §2.1).
enum PercentCoding {
    /// Of a query, in which `+` is a space; nil: not UTF-8, or a `%` without two digits.
    static func decodedQuery(_ text: Substring) -> String? { decoded(text, plus: UInt8(ascii: " ")) }

    /// Of a path; nil as above.
    static func decodedPath(_ text: Substring) -> String? { decoded(text, plus: UInt8(ascii: "+")) }

    private static func decoded(_ text: Substring, plus: UInt8) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(plus)
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(UInt8.init(hexadecimalDigit:)),
                    let low = rest.popFirst().flatMap(UInt8.init(hexadecimalDigit:))
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
