/// "Did you mean".
public enum NearMiss {
    /// `; did you mean "x"?` when one of `candidates` is near, nothing otherwise.
    static func hint(for text: String, among candidates: some Sequence<String>) -> String {
        guard let nearest = nearest(to: text, among: candidates) else { return "" }
        return "; did you mean \(quoted(nearest))?"
    }

    /// The one of `candidates` that `text` is probably a misspelling of; nil: none is near.
    public static func nearest(to text: String, among candidates: some Sequence<String>) -> String? {
        guard text.utf8.count <= 64 else { return nil }
        // One slip in three letters, at most three.
        let limit = min(3, max(1, text.utf8.count / 3))
        return candidates.filter { $0.utf8.count <= 64 }
            .map { (candidate: $0, distance: distance(text.lowercased(), $0.lowercased())) }
            .filter { $0.distance <= limit && $0.candidate != text }
            .min { ($0.distance, $0.candidate) < ($1.distance, $1.candidate) }?.candidate
    }

    /// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment) over UTF-8.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let substitution = last[column] + (left[row] == right[column] ? 0 : 1)
                var best = min(substitution, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
