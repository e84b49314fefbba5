import Testing

@testable import Gateway

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite("Sockets that systemd passes")
struct SystemdSocketsTests {
    private typealias Found = [SystemdSocket]

    @Test(
        "the variables say which descriptor is which listener's",
        arguments: [
            ([:], []),
            (["LISTEN_PID": "7", "LISTEN_FDS": "0"], []),
            (["LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "public"], [("public", 3)]),
            (
                ["LISTEN_PID": "7", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "public:admin:public"],
                [("public", 3), ("admin", 4), ("public", 5)]
            ),
            // They are the parent's, which did not unset them.
            (["LISTEN_PID": "8", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "public"], []),
        ] as [([String: String], [(String, CInt)])])
    func parses(environment: [String: String], expected: [(String, CInt)]) throws {
        #expect(
            try SystemdSockets.parse(environment, processID: 7)
                == expected.map { SystemdSocket(name: $0.0, descriptor: $0.1) })
    }

    @Test(
        "malformed variables are said, with the remedy",
        arguments: [
            (["LISTEN_PID": "me", "LISTEN_FDS": "1"], #"LISTEN_PID is "me", expected the number of a process"#),
            (["LISTEN_PID": "7", "LISTEN_FDS": "-1"], #"LISTEN_FDS is "-1", expected a number of sockets up to 4096"#),
            (["LISTEN_PID": "7", "LISTEN_FDS": "99999999"], #"LISTEN_FDS is "99999999", expected"#),
            (
                ["LISTEN_PID": "7", "LISTEN_FDS": "2"],
                "systemd passed 2 sockets without names; set FileDescriptorName="
            ),
            (
                ["LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "public"],
                "LISTEN_FDNAMES has 1 names, expected 2 as LISTEN_FDS says"
            ),
        ] as [([String: String], String)])
    func refuses(environment: [String: String], expected: String) throws {
        let error = #expect(throws: StartError.self) { try SystemdSockets.parse(environment, processID: 7) }
        #expect(error?.description.hasPrefix(expected) == true, "\(error?.description ?? "")")
    }

    private enum Kind: CaseIterable { case listening, listeningUnix, silent, datagrams, file, closed }

    private func descriptor(_ kind: Kind) -> CInt {
        let stream = CInt(SOCK_STREAM.rawValue)
        switch kind {
        case .listening, .silent:
            // Without an address it listens on a free port of every one.
            let descriptor = socket(AF_INET, stream, 0)
            if kind == .listening { listen(descriptor, 1) }
            return descriptor
        case .listeningUnix:
            let descriptor = socket(AF_UNIX, stream, 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            // With nothing but a family the kernel chooses an abstract name (unix(7)).
            withUnsafePointer(to: &address) {
                _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sa_family_t>.size))
                }
            }
            listen(descriptor, 1)
            return descriptor
        case .datagrams: return socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        case .file: return open("/dev/null", O_RDONLY)
        // No process has as many.
        case .closed: return CInt.max
        }
    }

    @Test("a listening stream socket is taken, and kept from other programs")
    func adopts() throws {
        for kind in [Kind.listening, .listeningUnix] {
            let descriptor = descriptor(kind)
            defer { close(descriptor) }
            #expect(fcntl(descriptor, F_GETFD) == 0)
            try SystemdSockets.adopt(SystemdSocket(name: "public", descriptor: descriptor))
            #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC)
        }
    }

    @Test("anything else is refused, with what it is")
    func refusesOthers() throws {
        let cases: [(Kind, String)] = [
            (.silent, "not listening"), (.datagrams, "of another type"), (.file, "not a socket"), (.closed, "not open"),
        ]
        for (kind, found) in cases {
            let descriptor = descriptor(kind)
            defer { close(descriptor) }
            let error = #expect(throws: StartError.self) {
                try SystemdSockets.adopt(SystemdSocket(name: "public", descriptor: descriptor))
            }
            #expect(
                error?.description
                    == #"systemd's socket "public" (descriptor \#(descriptor)) is \#(found), expected a listening stream "#
                    + "socket: use ListenStream= and Accept=no in its unit")
        }
    }
}
