import TestSupport
import Testing

@testable import GatewayTLS

@Suite("PEM")
struct PEMFileTests {
    /// Each block as "label line content".
    private func read(_ text: String) -> [String] { read(Array(text.utf8)) }

    private func read(_ bytes: [UInt8]) -> [String] {
        PEMFile(bytes).blocks.map { block in
            let content = block.content.map { String(decoding: $0, as: UTF8.self) } ?? block.problem
            return "\(block.label) \(block.line) \(content)\(block.isEncrypted ? " encrypted" : "")"
        }
    }

    @Test(
        "blocks are found wherever they begin",
        arguments: [
            ("-----BEGIN A-----\naGVsbG8=\n-----END A-----\n", ["A 1 hello"]),
            ("comment\n-----BEGIN A-----\naGVs\nbG8=\n-----END A-----", ["A 2 hello"]),
            ("-----BEGIN A-----\r\naGVsbG8=\r\n-----END A-----\r\n", ["A 1 hello"]),
            ("-----BEGIN A-----  \n  aGVsbG8=\t \n-----END A----- \n", ["A 1 hello"]),
            ("\u{FEFF}-----BEGIN A-----\naGVsbG8=\n-----END A-----", ["A 1 hello"]),
            (
                "-----BEGIN A-----\naGVsbG8=\n-----END A----------BEGIN B-----\naGV5\n-----END B-----\n",
                ["A 1 hello", "B 3 hey"]
            ),
            ("-----BEGIN A B-----\n-----END A B-----", ["A B 1 "]),
            ("", []), ("hello", []), ("-----BEGIN", []), ("-----BEGIN \n", []), ("-----BEGIN A\n-----", []),
        ] as [(String, [String])])
    func blocks(text: String, expected: [String]) { #expect(read(text) == expected) }

    @Test(
        "what is wrong with a block is told, and the next one is read",
        arguments: [
            ("-----BEGIN A-----\naGV\n-----END A-----\n", ["A 1 its text is not base64"]),
            ("-----BEGIN A-----\naGV!\n-----END A-----\n", ["A 1 its text is not base64"]),
            ("-----BEGIN A-----\naG=V\n-----END A-----\n", ["A 1 its text is not base64"]),
            ("-----BEGIN A-----\na===\n-----END A-----\n", ["A 1 its text is not base64"]),
            ("-----BEGIN A-----\naGV5\n", ["A 1 it has no line -----END A-----"]),
            ("-----BEGIN A-----\naGV5\n-----END B-----\n", ["A 1 it ends with -----END B-----"]),
            (
                "-----BEGIN A-----\naGV5\n-----BEGIN B-----\naGV5\n-----END B-----\n",
                ["A 1 it has no line -----END A-----", "B 3 hey"]
            ),
            (
                "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\naGV5\n-----END A-----\n",
                ["A 1  encrypted"]
            ),
        ] as [(String, [String])])
    func problems(text: String, expected: [String]) { #expect(read(text) == expected) }

    @Test("comments may be in any encoding")
    func comments() {
        let block = Array("\n-----BEGIN A-----\naGV5\n-----END A-----\n".utf8)
        #expect(read([0xE9, 0xFF, 0x00, 0x2D] + block + [0xC0] + block) == ["A 2 hey", "A 6 hey"])
    }

    @Test("random text never traps", arguments: 0..<50)
    func random(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let pieces = ["-----BEGIN ", "A-----", "\n", "-----END ", "A", "-----", "aGV5", "=", ":", " "]
        let text = (0..<60).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &generator)] }.joined()
        for block in PEMFile(Array(text.utf8)).blocks { #expect(block.line >= 1) }
    }
}
