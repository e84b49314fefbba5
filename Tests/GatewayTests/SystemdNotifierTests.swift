import Foundation
import NIOCore
import Testing

@testable import Gateway

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A datagram socket such as systemd's, at a path or with an abstract name.
private final class NotifySocket {
    let name: String
    private let descriptor: CInt
    private let path: String?

    init(isAbstract: Bool) throws {
        let unique = "sluice-notify-\(UUID().uuidString)"
        path = isAbstract ? nil : NSTemporaryDirectory() + unique
        name = path ?? "@" + unique
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if isAbstract { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
        let result = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(result == 0, "bind: \(String(cString: strerror(errno)))")
    }

    deinit {
        close(descriptor)
        if let path { unlink(path) }
    }

    /// A datagram is there as soon as it was sent; nil: there is none.
    func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// How many there are.
    func drain() -> Int {
        var count = 0
        while next() != nil { count += 1 }
        return count
    }
}

@Suite("What systemd is told")
struct SystemdNotifierTests {
    @Test("each message is one datagram, to a path or an abstract name", arguments: [false, true])
    func messages(isAbstract: Bool) throws {
        let socket = try NotifySocket(isAbstract: isAbstract)
        let notifier = try #require(SystemdNotifier(environment: ["NOTIFY_SOCKET": socket.name]))
        notifier.ready()
        notifier.stopping()
        notifier.watchdog()
        notifier.mainProcess(4711)
        notifier.status("12 WebSockets")
        #expect(
            (0..<6).map { _ in socket.next() } == [
                "READY=1", "STOPPING=1", "WATCHDOG=1", "MAINPID=4711", "STATUS=12 WebSockets", nil,
            ])
    }

    @Test("a status stays one assignment")
    func status() throws {
        let socket = try NotifySocket(isAbstract: true)
        let notifier = try #require(SystemdNotifier(environment: ["NOTIFY_SOCKET": socket.name]))
        notifier.status("one\nREADY=1\r\u{7F}ü")
        #expect(socket.next() == "STATUS=one READY=1  ü")
    }

    @Test("a reload is told with the time by the monotonic clock (sd_notify(3))")
    func reloading() throws {
        func microseconds() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1000) }
        let socket = try NotifySocket(isAbstract: true)
        let notifier = try #require(SystemdNotifier(environment: ["NOTIFY_SOCKET": socket.name]))
        let before = microseconds()
        notifier.reloading()
        let lines = try #require(socket.next()).split(separator: "\n")
        #expect(lines.first == "RELOADING=1" && lines.count == 2)
        let told = try #require(lines.last?.split(separator: "=").last.flatMap { Int64($0) })
        #expect((before...microseconds()).contains(told))
    }

    @Test("what can't be told is lost, at once: nobody listens any more, or nobody reads")
    func failures() throws {
        var socket: NotifySocket? = try NotifySocket(isAbstract: false)
        let notifier = try #require(SystemdNotifier(environment: ["NOTIFY_SOCKET": socket?.name ?? ""]))
        for _ in 0..<10_000 { notifier.watchdog() }
        let taken = try #require(socket).drain()
        #expect((1..<10_000).contains(taken))
        socket = nil
        notifier.watchdog()
    }

    @Test(
        "without a socket that is known there is nobody to tell",
        arguments: [
            [:], ["NOTIFY_SOCKET": ""], ["NOTIFY_SOCKET": "@"], ["NOTIFY_SOCKET": "vsock:2:9999"],
            ["NOTIFY_SOCKET": "/" + String(repeating: "s", count: 108)],
        ])
    func nobody(environment: [String: String]) {
        #expect(SystemdNotifier(environment: environment) == nil)
    }

    @Test(
        "the watchdog is fed twice as often as systemd wants it",
        arguments: [
            (["WATCHDOG_USEC": "30000000"], .seconds(15)),
            (["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"], .seconds(15)),
            // Meant for another process.
            (["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"], nil),
            (["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "x"], nil),
            ([:], nil), (["WATCHDOG_USEC": "0"], nil), (["WATCHDOG_USEC": "-5"], nil), (["WATCHDOG_USEC": "soon"], nil),
        ] as [([String: String], Duration?)])
    func watchdog(environment: [String: String], expected: Duration?) {
        #expect(SystemdNotifier.watchdogInterval(environment: environment, processID: 7) == expected)
    }
}
