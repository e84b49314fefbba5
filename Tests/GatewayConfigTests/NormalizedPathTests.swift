import GatewayConfig
import Testing

@Suite("Paths in normal form (RFC 3986 §6.2.2, §5.2.4)")
struct NormalizedPathTests {
    @Test(
        "all spellings of a path are one path",
        arguments: [
            ("/", "/"), ("/admin", "/admin"), ("/%61dmin", "/admin"), ("/%61%64%6D%69%6e", "/admin"),
            ("/x/../admin", "/admin"), ("/x/%2e%2E/admin", "/admin"), ("/x/.%2e/admin", "/admin"),
            ("//admin", "/admin"), ("///admin//", "/admin/"), ("/./admin", "/admin"), ("/admin/.", "/admin/"),
            ("/admin/..", "/"), ("/a/b/../../c", "/c"), ("/a/b/..", "/a/"), ("/.", "/"), ("//", "/"), ("/a//.", "/a/"),
            ("/a/./b/%2E/", "/a/b/"), ("/...", "/..."), ("/..a/.b", "/..a/.b"), ("/%7euser", "/~user"),
            // What needs its encoding keeps it, in upper case.
            ("/caf%c3%a9", "/caf%C3%A9"), ("/%ff", "/%FF"), ("/a%20b", "/a%20b"), ("/a%0d%0a", "/a%0D%0A"),
            ("/%25%36%31", "/%2561"), ("/%2561dmin", "/%2561dmin"), ("/%3f%23", "/%3F%23"),
            // What may not stand there, and does.
            ("/{a}|^`\"<>[]", "/%7Ba%7D%7C%5E%60%22%3C%3E%5B%5D"),
            // An encoded slash separates nothing.
            ("/a%2fb", "/a%2Fb"), ("/a%5cb", "/a%5Cb"), ("/api/vhosts/%2F", "/api/vhosts/%2F"), ("/%2F/x", "/%2F/x"),
            ("/x/y%2Fz/../admin", "/x/admin"), ("/a%2F...", "/a%2F..."),
            // An encoded slash separates nothing, and so there is no dot segment beside it.
            ("/x/..%2fadmin", "/x/..%2Fadmin"), ("/x%5c%2e%2e", "/x%5C.."), ("/.%2Fa", "/.%2Fa"),
        ])
    func spellings(path: String, expected: String) throws {
        let normalized = try NormalizedPath(path)
        #expect(normalized.text == expected)
        #expect(normalized.comparable == expected)
        #expect(try NormalizedPath(expected).text == expected)
        #expect(try NormalizedPath(expected).comparable == expected)
    }

    @Test(
        "reserved characters keep their encoding for servers, and lose it to be compared",
        arguments: [
            ("/%40admin", "/%40admin", "/@admin"), ("/@admin", "/@admin", "/@admin"),
            ("/a%3bv=1%2C2", "/a%3Bv=1%2C2", "/a;v=1,2"), ("/%21%24%26%27%28%29%2A%2B%3D%3A", nil, "/!$&'()*+=:"),
            ("/%2540", "/%2540", "/%2540"),
        ] as [(String, String?, String)])
    func reserved(path: String, text: String?, comparable: String) throws {
        let normalized = try NormalizedPath(path)
        #expect(normalized.text == text ?? path)
        #expect(normalized.comparable == comparable)
        #expect(try NormalizedPath(comparable).comparable == comparable)
    }

    @Test(
        "what has no normal form, or two, has none",
        arguments: [
            ("", .notAbsolute), ("*", .notAbsolute), ("admin", .notAbsolute), ("http://a/", .notAbsolute),
            ("/a b", .character), ("/a\u{0}", .character), ("/a\u{7F}", .character), ("/é", .character),
            ("/\u{FFFD}", .character), ("/a\\b", .character), ("/a?b", .character), ("/a#b", .character),
            ("/%zz", .escape), ("/%", .escape), ("/%4", .escape), ("/%u0041", .escape), ("/%%41", .escape),
            ("/%-1", .escape), ("/%00", .nul), ("/a%00.txt", .nul),
            ("/..", .aboveRoot), ("/../admin", .aboveRoot), ("/a/../../b", .aboveRoot), ("/%2e%2e/b", .aboveRoot),
            ("/./../b", .aboveRoot),
            ("/x//../admin", .ambiguous), ("//..", .ambiguous), ("/x//./../a", .ambiguous),
            ("/x//y/../../a", .ambiguous),
        ] as [(String, PathFault)])
    func faults(path: String, fault: PathFault) {
        #expect(throws: fault) { try NormalizedPath(path) }
        #expect(!fault.description.isEmpty && !fault.description.contains(where: \.isNewline))
    }

    @Test(arguments: [
        ("/a", false, false), ("/a/", false, false), ("/%61", false, false), ("/a//b", true, false),
        ("/a/./b", true, false), ("/a/..", true, false), ("/a%2fb", false, true), ("/a%5Cb", false, true),
        ("/a%2fb/..", true, true),
    ])
    func whatWasDone(path: String, isShortened: Bool, hasEncodedSlash: Bool) throws {
        let normalized = try NormalizedPath(path)
        #expect(normalized.isShortened == isShortened)
        #expect(normalized.hasEncodedSlash == hasEncodedSlash)
    }

    @Test func aLongPathTakesNoLongTime() throws {
        let name = "/" + String(repeating: "a", count: 500_000)
        let path = try NormalizedPath(name + String(repeating: "/b/..", count: 100_000))
        #expect(path.text.utf8.count == name.utf8.count + 1)
    }
}
