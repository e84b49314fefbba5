import Foundation
import GatewayConfig
import GatewayNIO
import Testing

@testable import Gateway

@Suite("Sockets of systemd by the names of listeners")
struct InheritedSocketsTests {
    private static func configuration(_ address: Address, admin: Address? = nil) throws -> GatewayConfiguration {
        try ConfigurationFile.parse(
            """
            listeners: [{ name: public, address: "\(address)" }, { name: spare, address: "127.0.0.1:0" }]
            \(admin.map { "admin: { address: \"\($0)\" }" } ?? "")
            routes: [{ name: a, respond: 200 }]
            """, file: "c.yaml", directory: "/", environment: [:], now: Date(), judge: nil)
    }

    private static func listen(count: Int = 1) throws -> ListeningDescriptors {
        try .open(.tcp(host: "127.0.0.1", port: 0), count: count, backlog: 8)
    }

    private static func named(_ name: String, _ descriptors: [CInt]) -> [SystemdSocket] {
        descriptors.map { SystemdSocket(name: name, descriptor: $0) }
    }

    @Test("each listener gets those of its name, the admin endpoint too, and the others open their own")
    func adopted() throws {
        let (listening, admin) = (try Self.listen(count: 3), try Self.listen())
        defer { for sockets in [listening, admin] { sockets.close() } }
        let copies = Self.named("public", try listening.duplicates())
        let inherited = try InheritedSockets(
            [copies[0]] + Self.named("admin", try admin.duplicates()) + copies.dropFirst(),
            for: Self.configuration(listening.boundAddress, admin: admin.boundAddress))
        #expect(inherited.listeners.keys.sorted() == ["public"])
        #expect(inherited.listeners["public"]?.count == 3)
        #expect(inherited.listeners["public"]?.boundAddress == listening.boundAddress)
        #expect(inherited.admin?.boundAddress == admin.boundAddress)
    }

    @Test("none is fine")
    func none() throws {
        let inherited = try InheritedSockets([], for: Self.configuration(.tcp(host: "127.0.0.1", port: 0)))
        #expect(inherited.listeners.isEmpty && inherited.admin == nil)
    }

    @Test("a name that no listener has is refused with the remedy")
    func unknownName() throws {
        let listening = try Self.listen()
        defer { listening.close() }
        let copies = try listening.duplicates()
        defer { for copy in copies { close(copy) } }
        let error = #expect(throws: StartError.self) {
            try InheritedSockets(
                Self.named("pubic", copies), for: Self.configuration(listening.boundAddress))
        }
        #expect(
            error?.description
                == "systemd passes a socket named pubic, expected the name of a listener (public, spare): set "
                + "FileDescriptorName= in its socket unit")
        // The admin endpoint has a name only when there is one.
        let noAdmin = #expect(throws: StartError.self) {
            try InheritedSockets(
                Self.named("admin", copies), for: Self.configuration(listening.boundAddress))
        }
        #expect(noAdmin?.description.contains("a socket named admin") == true)
    }

    @Test("a socket that listens elsewhere than its listener is refused: it says where")
    func otherAddress() throws {
        let (listening, other) = (try Self.listen(), try Self.listen())
        defer { for sockets in [listening, other] { sockets.close() } }
        let error = #expect(throws: StartError.self) {
            try InheritedSockets(
                Self.named("public", try listening.duplicates()), for: Self.configuration(other.boundAddress))
        }
        let text = error?.description ?? ""
        #expect(text.hasPrefix("listener public can't listen on \(other.boundAddress): "), "\(text)")
        #expect(text.contains("\(listening.boundAddress)"), "\(text)")
    }
}
