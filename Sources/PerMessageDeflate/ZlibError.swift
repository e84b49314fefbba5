/// Why a zlib stream cannot be made or used.
public enum ZlibError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A window outside 9…15 to compress with or 8…15 to inflate with, a memory level outside 1…9, or a level outside
    /// 0…9.
    case parameterOutOfRange(String)
    /// The process's account of compression memory has no room.
    case overMemoryLimit(needed: Int, limit: Int)
    /// zlib could not allocate.
    case outOfMemory
    /// zlib refused a call; a fault of this module.
    case streamFault(code: Int32)

    public var description: String {
        switch self {
        case .parameterOutOfRange(let message): message
        case .overMemoryLimit(let needed, let limit):
            "zlib needs \(needed) bytes, over the limit of \(limit) for all connections"
        case .outOfMemory: "zlib could not allocate memory"
        case .streamFault(let code): "zlib refused a call with code \(code)"
        }
    }
}

/// Why a compressed message does not inflate.
public enum InflateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not DEFLATE (RFC 1951), in zlib's words.
    case invalidData(String)
    /// The message ends inside a block (RFC 7692 §7.2.2).
    case truncatedMessage
    /// zlib could not allocate the window.
    case outOfMemory
    /// zlib refused a call; a fault of this module.
    case streamFault(code: Int32)

    public var description: String {
        switch self {
        case .invalidData(let message): "compressed message does not inflate: \(message)"
        case .truncatedMessage: "compressed message ends inside a DEFLATE block"
        case .outOfMemory: "zlib could not allocate memory"
        case .streamFault(let code): "zlib refused a call with code \(code)"
        }
    }
}
