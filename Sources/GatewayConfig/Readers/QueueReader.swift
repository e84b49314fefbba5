/// `queue` of a route: `off`, or a mapping.
struct QueueReader {
    let context: ReadingContext

    /// A key that is given replaces that of `inherited`; nil: nobody waits.
    func read(_ node: YAMLNode, over inherited: QueueConfiguration?) -> QueueConfiguration? {
        if case .scalar(let word) = node.kind, ["off", "false"].contains(word) { return nil }
        let expected = "off or a mapping with size and timeout"
        var queue = inherited ?? QueueConfiguration()
        guard let section = MappingReader(node, context: context, expecting: expected) else { return inherited }
        if let value = section.integer("size", in: 1...100_000) { queue.size = value }
        if let value = section.duration("timeout", positive: true) { queue.timeout = value }
        section.finish()
        return queue
    }
}
