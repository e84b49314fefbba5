/// How text is written that is more than any text: a name, an address, a path.
public struct TextForm: Sendable {
    /// For the reference: "address", "path".
    public let name: String
    /// What the whole text matches, in the dialect of JSON Schema (ECMA 262). It may let pass what a reader refuses; it
    /// refuses nothing that a reader takes. nil: any text.
    public let pattern: String?
    /// Whether text that YAML takes for a number or for a flag may be of this form.
    public let mayLookLikeNumber: Bool

    private init(_ name: String, _ pattern: String? = nil, mayLookLikeNumber: Bool = false) {
        self.name = name
        self.pattern = pattern
        self.mayLookLikeNumber = mayLookLikeNumber
    }
}

extension TextForm {
    /// A token of HTTP (RFC 9110 §5.6.2).
    private static let token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    private static let label = "[A-Za-z0-9_.-]+"
    private static let bracketed = #"\[[0-9A-Fa-f:.]+\]"#
    private static let port = ":" + DecimalPattern.upTo(65_535)

    static let anything = TextForm("text", mayLookLikeNumber: true)
    /// Of a listener, route or upstream.
    static let itemName = TextForm("name", "[A-Za-z0-9_.-]{1,64}", mayLookLikeNumber: true)
    static let listeningAddress = TextForm("address", "unix:.+|(?:\(label)|\(bracketed))\(port)")
    static let serverAddress = TextForm("address", "unix:.+|(?:\(label)|\(bracketed))(?!:0+$)\(port)")
    static let path = TextForm("path", ".+", mayLookLikeNumber: true)
    static let folder = TextForm("path of a folder", ".+", mayLookLikeNumber: true)
    static let socketPath = TextForm("path", "(?!unix:).+", mayLookLikeNumber: true)
    static let mode = TextForm("octal text", "0?[0-7]{3}", mayLookLikeNumber: true)
    static let account = TextForm("name or number", ".+", mayLookLikeNumber: true)
    /// RFC 6750 §2.1.
    static let bearerToken = TextForm("text", "[!-~]*", mayLookLikeNumber: true)
    static let hostName = TextForm("host name", label, mayLookLikeNumber: true)
    static let host = TextForm("host, with or without a port", "(?:\(label)|\(bracketed))(?:(?!:0+$)\(port))?")
    static let hostPattern = TextForm("host", #"(?:\*\.)?\#(label)|\#(bracketed)"#, mayLookLikeNumber: true)
    static let serverName = TextForm("host name or IP address", #"\#(label)|\[?[0-9A-Fa-f:.]+\]?"#)
    static let addressBlock = TextForm("address block", "[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?")
    static let ipAddress = TextForm("IP address", "[0-9A-Fa-f:.]+")
    static let origin = TextForm("origin", #"\*|[Nn][Uu][Ll][Ll]|[A-Za-z][A-Za-z0-9+.-]*://[^/\s]*"#)
    static let urlPath = TextForm("path", "/[^?#]*")
    /// With or without a query.
    static let target = TextForm("path, with or without a query", "/[!-\"$-~]{0,2047}")
    static let location = TextForm("location", "/[!-~]*|[!-~]*://[!-~]*")
    static let regularExpression = TextForm("regular expression", ".+", mayLookLikeNumber: true)
    static let fieldName = TextForm("field name", token, mayLookLikeNumber: true)
    static let parameterName = TextForm("name", ".+", mayLookLikeNumber: true)
    static let variableName = TextForm("name", "[A-Za-z_][A-Za-z0-9_]*")
    static let subprotocol = TextForm("subprotocol", token, mayLookLikeNumber: true)
    static let cookieName = TextForm("name of a cookie", token, mayLookLikeNumber: true)
    static let cookiePath = TextForm("path", "/[!-:<-~]*")
    static let mediaType = TextForm("media type", ".+")
    static let hashSource = TextForm(
        "`ip`, `path`, `header:NAME`, `query:NAME` or `cookie:NAME`", "ip|path|(?:header|cookie):\(token)|query:.+")
    static let statusRange = TextForm("range of statuses", "[2-5][0-9]{2}(?:-[2-5][0-9]{2})?")
    static let sentHost = TextForm("`client`, `upstream` or a host", "(?:\(label)|\(bracketed))(?:(?!:0+$)\(port))?")
}
