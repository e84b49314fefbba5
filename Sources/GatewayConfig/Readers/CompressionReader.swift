/// `compression`: one word, or a mapping.
struct CompressionReader {
    let context: ReadingContext

    /// A key that is given replaces that of `inherited`.
    func read(_ node: YAMLNode, over inherited: CompressionSettings) -> CompressionSettings {
        var settings = inherited
        if case .scalar = node.kind {
            let words = CompressionSettings.Mode.allCases.map(\.rawValue)
            let mode = context.word(node, among: words).flatMap(CompressionSettings.Mode.init(rawValue:))
            if let mode { settings.mode = mode }
            return settings
        }
        let expected = "terminate, passthrough, off or a mapping"
        guard let section = MappingReader(node, .compression, context: context, expecting: expected) else {
            return settings
        }
        if let value = section.word("mode", CompressionSettings.Mode.self) { settings.mode = value }
        if let value = windowBits(section) { settings.windowBits = value }
        if let value = section.integer("memory_level") { settings.memoryLevel = value }
        if let value = section.integer("level") { settings.level = value }
        if let value = section.flag("context_takeover") { settings.contextTakeover = value }
        if let value = section.size("threshold") { settings.threshold = value }
        if let value = section.integer("max_ratio") { settings.maxRatio = value }
        if let value = section.onOff("upstream") { settings.upstream = value }
        section.finish()
        return settings
    }

    private func windowBits(_ section: MappingReader) -> Int? {
        guard let node = section.node("window_bits") else { return nil }
        if case .scalar("8") = node.kind {
            context.report(
                "window_bits is 8, expected 9 to 15; zlib can't compress with a window of 8 bits", at: node.place)
            return nil
        }
        return section.integer("window_bits")
    }
}
