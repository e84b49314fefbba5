/// `queue` of a route: `off`, or a mapping.
struct QueueReader {
    let context: ReadingContext

    /// A key that is given replaces that of `inherited`; nil: nobody waits.
    func read(_ node: YAMLNode, over inherited: QueueConfiguration?) -> QueueConfiguration? {
        if case .scalar(let word) = node.kind, ["off", "false"].contains(word) { return nil }
        let expected = "off or \(KeySection.queue.expected)"
        var queue = inherited ?? QueueConfiguration()
        guard let section = MappingReader(node, .queue, context: context, expecting: expected) else { return inherited }
        if let value = section.integer("size") { queue.size = value }
        if let value = section.duration("timeout") { queue.timeout = value }
        section.finish()
        return queue
    }
}
