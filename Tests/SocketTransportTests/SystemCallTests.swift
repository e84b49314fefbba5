import Foundation
import NIOCore
import Testing

@testable import SocketTransport

@Suite("Calls of the system")
struct SystemCallTests {
    @Test("an address is read in each family", arguments: ["127.0.0.1", "::1", "/"])
    func addresses(text: String) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString).sock")
            .path
        defer { unlink(path) }
        let address =
            try text == "/" ? SocketAddress(unixDomainSocketPath: path) : SocketAddress(ipAddress: text, port: 0)
        let listener = try Listener(address)
        let found = SystemCall.address { getsockname(listener.descriptor, $0, $1) }
        #expect(found?.protocol == address.protocol)
        #expect(found?.pathname == address.pathname)
        #expect(found?.ipAddress == (text == "/" ? nil : text))
        if text != "/" { #expect((found?.port ?? 0) > 0) }
        // It is connected to nobody.
        #expect(SystemCall.address { getpeername(listener.descriptor, $0, $1) } == nil)
    }

    @Test("a call that fails throws with its name and the code of the system")
    func failures() {
        let error = #expect(throws: IOError.self) { try SystemCall.option(-1, level: SOL_SOCKET, name: SO_ERROR) }
        #expect(error?.errnoCode == EBADF)
        #expect(error.map { "\($0)".contains("getsockopt") } == true)
        #expect(throws: IOError.self) { try SystemCall.setOption(-1, level: SOL_SOCKET, name: SO_SNDBUF, value: 1) }
        #expect(throws: IOError.self) { try SystemCall.setNonBlocking(-1) }
    }
}
