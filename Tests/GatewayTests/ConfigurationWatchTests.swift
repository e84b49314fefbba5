import Foundation
import Testing

@testable import Gateway
@testable import GatewayNIO

@Suite("Watching the configuration")
struct ConfigurationWatchTests {
    private static func stamp(_ version: Int, changed: Int = 0) -> FileStamp {
        FileStamp(
            target: "/etc/sluice.yaml", device: 1, inode: UInt64(version), size: 10, mode: 0o100644, modified: [0, 0],
            changed: [changed, 0])
    }

    /// What one look finds of the configuration and of a certificate; 0: nothing there, nil: it is not named.
    private typealias Look = (configuration: Int, certificate: Int?)

    @Test(
        "a change counts once two looks in a row find the same",
        arguments: [
            ("nothing", [(1, 5), (1, 5)], [false, false]),
            ("one", [(2, 5), (2, 5), (2, 5)], [false, true, false]),
            (
                "a file that is being written", [(2, 5), (3, 5), (4, 5), (4, 5), (4, 5)],
                [false, false, false, true, false]
            ),
            ("there and back", [(2, 5), (1, 5), (1, 5)], [false, false, false]),
            ("there, back, and there", [(2, 5), (1, 5), (2, 5), (2, 5)], [false, false, false, true]),
            ("two one after the other", [(2, 5), (2, 5), (3, 5), (3, 5)], [false, true, false, true]),
            ("a file that it names", [(1, 6), (1, 6), (1, 6)], [false, true, false]),
            ("a file that it names goes", [(1, 0), (1, 0), (1, 0)], [false, true, false]),
            // Removed and written anew: no news while it is not there.
            ("gone for a while", [(0, 5), (0, 5), (0, 5), (2, 5), (2, 5)], [false, false, false, false, true]),
            ("gone and back as it was", [(0, 5), (0, 5), (1, 5), (1, 5)], [false, false, false, false]),
            ("it names less", [(1, nil), (1, nil)], [false, false]),
            ("it names less, then more", [(1, nil), (1, 7), (1, 7)], [false, false, false]),
        ] as [(String, [(Int, Int?)], [Bool])])
    func looks(name: String, looks: [(Int, Int?)], expected: [Bool]) {
        var watch = ConfigurationWatch(file: "c", stamp: Self.stamp(1), at: [100, 0])
        func found(_ look: Look) -> [String: FileStamp?] {
            var stamps: [String: FileStamp?] = ["c": look.configuration == 0 ? nil : Self.stamp(look.configuration)]
            if let certificate = look.certificate {
                stamps.updateValue(certificate == 0 ? nil : Self.stamp(certificate), forKey: "t")
            }
            return stamps
        }
        let isNewsAtFirst = watch.look(found((1, 5)), at: [101, 0])
        #expect(!isNewsAtFirst)
        var time = 101
        let told = looks.map { look in
            time += 1
            return watch.look(found(look), at: [time, 0])
        }
        #expect(told == expected)
    }

    @Test("a file that is named anew counts as changed when that may have been behind its reader's back")
    func namedAnew() {
        for (changed, isNews) in [(99, false), (101, true), (102, true)] {
            var watch = ConfigurationWatch(file: "c", stamp: Self.stamp(1), at: [100, 0])
            let stamps = ["c": Self.stamp(1), "t": Self.stamp(5, changed: changed)]
            let looks = [["c": Self.stamp(1)], stamps, stamps, stamps].enumerated().map { number, found in
                watch.look(found, at: [101 + number, 0])
            }
            #expect(looks == [false, false, isNews, false], "changed at \(changed)")
        }
    }

    // MARK: Real files

    private final class Folder {
        let path = NSTemporaryDirectory() + "sluice-watch-\(UUID().uuidString)"

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        @discardableResult
        func write(_ name: String, _ text: String) throws -> String {
            let file = path + "/" + name
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try text.write(toFile: file, atomically: false, encoding: .utf8)
            return file
        }

        func rename(_ from: String, to: String) throws {
            try #require(Foundation.rename(path + "/" + from, path + "/" + to) == 0)
        }

        func link(_ name: String, to target: String) throws {
            try FileManager.default.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: target)
        }
    }

    private func check(_ watch: inout ConfigurationWatch, others: [String] = [], isNews: Bool, _ what: String) {
        let looks = (0..<3).map { _ in watch.look(others: others) }
        #expect(looks == [false, isNews, false], "\(what)")
    }

    @Test("a renaming, a write in place, and a change of mode are seen; reading is none")
    func renames() throws {
        let folder = try Folder()
        let file = try folder.write("sluice.yaml", "one")
        var watch = ConfigurationWatch(file: file)
        check(&watch, isNews: false, "nothing")
        try folder.write("new", "two")
        try folder.rename("new", to: "sluice.yaml")
        check(&watch, isNews: true, "renamed")
        _ = try String(contentsOfFile: file, encoding: .utf8)
        check(&watch, isNews: false, "read")
        try folder.write("sluice.yaml", "three")
        check(&watch, isNews: true, "written")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        check(&watch, isNews: true, "mode")
        try FileManager.default.removeItem(atPath: file)
        check(&watch, isNews: false, "removed")
        try folder.write("sluice.yaml", "four")
        check(&watch, isNews: true, "back")
    }

    @Test("a volume of a ConfigMap is swapped by one link, as Kubernetes does it")
    func configMap() throws {
        let folder = try Folder()
        try folder.write("..2026_1/sluice.yaml", "one")
        try folder.write("..2026_1/tls/site.pem", "one")
        try folder.link("..data", to: "..2026_1")
        try folder.link("sluice.yaml", to: "..data/sluice.yaml")
        try folder.link("tls", to: "..data/tls")
        let certificate = folder.path + "/tls/site.pem"
        var watch = ConfigurationWatch(file: folder.path + "/sluice.yaml")
        // The files have just been made, so they may be taken for ones that changed behind the reader's back.
        for _ in 0..<3 { _ = watch.look(others: [certificate]) }
        try folder.write("..2026_2/sluice.yaml", "two")
        try folder.write("..2026_2/tls/site.pem", "two")
        check(&watch, others: [certificate], isNews: false, "prepared")
        try folder.link("..data_tmp", to: "..2026_2")
        try folder.rename("..data_tmp", to: "..data")
        check(&watch, others: [certificate], isNews: true, "swapped")
        try FileManager.default.removeItem(atPath: folder.path + "/..2026_1")
        check(&watch, others: [certificate], isNews: false, "tidied up")
    }

    @Test("where a link leads counts, however much the file looks as before")
    func target() throws {
        let folder = try Folder()
        try folder.write("a/sluice.yaml", "one")
        try folder.link("current", to: "a")
        let file = folder.path + "/current/sluice.yaml"
        let before = try #require(FileStamp(path: file))
        try folder.rename("a", to: "b")
        #expect(FileStamp(path: file) == nil)
        try folder.link("next", to: "b")
        try folder.rename("next", to: "current")
        var after = try #require(FileStamp(path: file))
        #expect(after != before)
        after.target = before.target
        #expect(after == before)
    }

    @Test("changes are told as they come, and the files to look at are asked for each time", .timeLimit(.minutes(1)))
    func stream() async throws {
        let folder = try Folder()
        let file = try folder.write("sluice.yaml", "one")
        let certificate = try folder.write("site.pem", "one")
        let watch = ConfigurationWatch(file: file)
        var changes = watch.changes(every: .milliseconds(5)) { [certificate] }.makeAsyncIterator()
        // It was written in the very moment in which the watch began.
        try folder.write("sluice.yaml", "two, longer")
        let first: Void? = await changes.next()
        #expect(first != nil)
        try folder.write("site.pem", "two, longer")
        let second: Void? = await changes.next()
        #expect(second != nil)
    }
}
