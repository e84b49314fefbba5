import GatewayConfig
import Testing

@Suite("Files of TLS, judged") struct TLSFileCheckTests {
    static let listener = """
        tls:
          certificates:
            - certificate: a.pem
              private_key: a.key
              ocsp: a.ocsp
          ticket_keys: t.bin
          client_ca: ca.pem
        """

    @Test(
        "what the judge finds is reported at the key that names the file",
        arguments: [
            (TLSFinding.Part.certificate, "6:24"), (.privateKey, "7:24"), (.ocsp, "8:17"), (.ticketKeys, "9:20"),
            (.authorities, "10:18"),
        ])
    func places(part: TLSFinding.Part, place: String) throws {
        let text = Section.listener.file(with: Self.listener)
        #expect(
            problems(text, judge: FakeJudge(findings: [TLSFinding(.error, part, "it is odd")])) == [
                "\(place): error: it is odd"
            ])
        let warned = try parse(text, judge: FakeJudge(findings: [TLSFinding(.warning, part, "it is odd")]))
        #expect(warned.warnings.map(\.description) == ["test.yaml:\(place): warning: it is odd"])
        #expect(problems(text, judge: FakeJudge()) == [])
        #expect(problems(text, judge: nil) == [])
    }

    @Test(
        "those of an upstream too",
        arguments: [
            (TLSFinding.Part.certificate, "4:37"), (.privateKey, "4:57"), (.authorities, "4:16"),
        ])
    func upstream(part: TLSFinding.Part, place: String) {
        let text = Section.upstream.file(with: "tls: { ca: ca.pem, certificate: a.pem, private_key: a.key }")
        #expect(
            problems(text, judge: FakeJudge(findings: [TLSFinding(.error, part, "it is odd")])) == [
                "\(place): error: it is odd"
            ])
    }

    @Test("a path is shown in full, but nothing of the environment is")
    func shown() throws {
        struct Echo: TLSFileJudge {
            func findings(on files: TLSFiles, now: Int64) -> [TLSFinding] {
                guard case .ticketKeys(let file) = files else { return [] }
                return [TLSFinding(.error, .ticketKeys, file.shown)]
            }
        }
        let long = String(repeating: "a", count: 70)
        for (written, shown) in [(long, long), ("\(long)${NAME}", "\(long.prefix(60))…")] {
            let text = Section.listener.file(with: Self.listener.replacing("t.bin", with: "\"\(written)\""))
            #expect(
                problems(text, environment: ["NAME": "secret"], judge: Echo()) == ["9:20: error: \"\(shown)\""])
        }
    }

    @Test("the judge gets absolute paths, what messages call them, and the time")
    func asked() throws {
        struct Echo: TLSFileJudge {
            func findings(on files: TLSFiles, now: Int64) -> [TLSFinding] {
                guard case .identity(let certificate, let key, let ocsp, _) = files else { return [] }
                let named = [certificate, key, ocsp].map { $0.map { "\($0.path) \($0.shown)" } ?? "-" }
                return [TLSFinding(.error, .certificate, "\(named) \(now)")]
            }
        }
        let text = Section.listener.file(
            with: "tls: { certificates: [{ certificate: \"${NAME}.pem\", private_key: /k/a.key }] }")
        #expect(
            problems(text, environment: ["NAME": "secret"], judge: Echo()) == [
                "4:42: error: [\"/etc/sluice/secret.pem \\\"${NAME}.pem\\\"\", \"/k/a.key \\\"/k/a.key\\\"\", \"-\"]"
                    + " 1767225600"
            ])
    }
}
