import NIOCore
import NIOPosix
import Testing

@testable import GatewayDemo

@Suite("The demo's ports")
struct DemoPortTests {
    @Test("a port that another program has is named, with the option for another one")
    func taken() async throws {
        let backend = try await DemoBackend.start(group: .singletonMultiThreadedEventLoopGroup)
        await #expect {
            try await DemoPort.resolve(backend.port, host: "127.0.0.1", option: "--admin-port")
        } throws: { error in
            let message = "\(error)"
            return message.contains("port \(backend.port) of 127.0.0.1") && message.contains("--admin-port 0")
        }
        try await backend.stop()
        #expect(try await DemoPort.resolve(backend.port, host: "127.0.0.1", option: "--port") == backend.port)
    }

    @Test("port 0 becomes a free one")
    func free() async throws {
        #expect(try await DemoPort.resolve(0, host: "127.0.0.1", option: "--port") > 0)
    }
}
