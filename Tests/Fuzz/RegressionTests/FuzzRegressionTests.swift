import Foundation
import Testing

/// Every input that was kept for a fuzz target, through the same function, without libFuzzer: the minimised corpora
/// (`Tests/Fuzz/Corpus`) and whatever once broke an invariant (`Tests/Fuzz/Regressions`).
@Suite struct FuzzRegressionTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    @Test("every input of the corpus keeps the invariants", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let file = Self.folder.appendingPathComponent("Corpus/\(target.rawValue).corpus")
        let inputs = try unpack(try Data(contentsOf: file))
        #expect(inputs.count >= 20, "\(target.rawValue).corpus holds \(inputs.count) inputs, expected at least 20")
        for (number, input) in inputs.enumerated() { check(input, target, name: "input \(number) of the corpus") }
    }

    @Test("what once broke an invariant does so no more", arguments: FuzzTarget.allCases)
    func regressions(target: FuzzTarget) throws {
        let directory = Self.folder.appendingPathComponent("Regressions/\(target.rawValue)")
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        for file in files.sorted() {
            check(try Data(contentsOf: directory.appendingPathComponent(file)), target, name: "Regressions/\(file)")
        }
    }

    private func check(_ input: Data, _ target: FuzzTarget, name: String) {
        do {
            try input.withUnsafeBytes { try target.check($0) }
        } catch {
            Issue.record("\(target.rawValue), \(name) (\(input.base64EncodedString())): \(error)")
        }
    }

    /// Inputs stand one behind the other, each behind its length in four bytes, most significant first.
    private func unpack(_ data: Data) throws -> [Data] {
        var inputs: [Data] = []
        var rest = data[...]
        while !rest.isEmpty {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            try #require(rest.count >= length, "the corpus is cut off behind \(inputs.count) inputs")
            inputs.append(Data(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return inputs
    }
}
