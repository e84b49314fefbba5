import Foundation
import NIOCore
import Testing

@testable import Gateway

@Suite("Descriptors through a unix socket")
struct DescriptorPassingTests {
    /// Two ends that are closed with it.
    private final class Pair {
        let ends: [CInt]

        init() throws {
            var ends: [CInt] = [-1, -1]
            try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
            self.ends = ends
        }

        deinit { for end in ends { close(end) } }
    }

    /// Each a file of its own, told apart by its inode.
    private static func files(_ count: Int) throws -> [CInt] {
        try (0..<count).map { _ in
            let file = unique()
            try #require(file >= 0)
            return file
        }
    }

    private static func unique() -> CInt { socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0) }

    private static func inode(_ descriptor: CInt) -> UInt64? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private static func closeAll(_ descriptors: [CInt]) {
        for descriptor in descriptors { Foundation.close(descriptor) }
    }

    @Test("so many, in their order, none passed on to children", arguments: [0, 1, 2, 253])
    func oneMessage(count: Int) throws {
        let pair = try Pair()
        let files = try Self.files(count)
        defer { Self.closeAll(files) }
        let sent = try DescriptorPassing.send(Array("hello".utf8)[...], with: files[...], to: pair.ends[0])
        #expect(sent == 5)
        let (bytes, came) = try DescriptorPassing.receive(from: pair.ends[1], atMost: 100)
        defer { Self.closeAll(came) }
        #expect(bytes == Array("hello".utf8))
        #expect(came.map(Self.inode) == files.map(Self.inode))
        #expect(came.allSatisfy { fcntl($0, F_GETFD, 0) & FD_CLOEXEC != 0 })
        #expect(Set(came).isDisjoint(with: files))
    }

    @Test("one more than the kernel passes at once is an error")
    func tooMany() throws {
        let pair = try Pair()
        let files = try Self.files(254)
        defer { Self.closeAll(files) }
        #expect(throws: IOError.self) {
            try DescriptorPassing.send([1], with: files[...], to: pair.ends[0])
        }
    }

    @Test("300 in a line, in their order, before the line is complete", arguments: [254, 300, 800])
    func manyInALine(count: Int) async throws {
        let pair = try Pair()
        let sender = TakeoverConnection(dup(pair.ends[0]), mostDescriptors: 0)
        let receiver = TakeoverConnection(dup(pair.ends[1]), mostDescriptors: 1000)
        let files = try Self.files(count)
        defer { Self.closeAll(files) }
        let line = Array("{\"sockets\": []}".utf8)
        try sender.send(line + [10, 65, 10], with: files, by: .now + .seconds(10))
        #expect(try receiver.readLine(by: .now + .seconds(10)) == line)
        let came = receiver.takeDescriptors()
        defer { Self.closeAll(came) }
        #expect(came.map(Self.inode) == files.map(Self.inode))
        #expect(try receiver.readLine(by: .now + .seconds(10)) == [65])
        sender.close()
        _ = shutdown(pair.ends[0], CInt(SHUT_WR))
        #expect(try receiver.readLine(by: .now + .seconds(10)) == nil)
    }

    @Test("more descriptors than were expected end it, and are closed")
    func unexpected() throws {
        let pair = try Pair()
        let receiver = TakeoverConnection(dup(pair.ends[1]), mostDescriptors: 2)
        var ends: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        _ = try DescriptorPassing.send([10], with: [ends[0], ends[0], ends[0]], to: pair.ends[0])
        Foundation.close(ends[0])
        defer { Foundation.close(ends[1]) }
        #expect(throws: TakeoverError.self) { try receiver.readLine(by: .now + .seconds(10)) }
        receiver.close()
        // The last copy of the other end is gone.
        var byte: UInt8 = 0
        #expect(recv(ends[1], &byte, 1, CInt(MSG_DONTWAIT)) == 0)
    }

    @Test("descriptors that were lost on the way are an error, and those that came are closed")
    func truncated() throws {
        let pair = try Pair()
        var ends: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
        _ = try DescriptorPassing.send([10], with: [ends[0], ends[0], ends[0]], to: pair.ends[0])
        Foundation.close(ends[0])
        defer { Foundation.close(ends[1]) }
        #expect {
            try DescriptorPassing.receive(from: pair.ends[1], atMost: 10, mostDescriptors: 2)
        } throws: { ($0 as? IOError)?.errnoCode == EMSGSIZE }
        var byte: UInt8 = 0
        #expect(recv(ends[1], &byte, 1, CInt(MSG_DONTWAIT)) == 0)
    }

    @Test("a line without end is an error, at any pace", arguments: [false, true])
    func longLine(isEnded: Bool) async throws {
        let pair = try Pair()
        let receiver = TakeoverConnection(dup(pair.ends[1]), mostDescriptors: 0)
        let sender = TakeoverConnection(dup(pair.ends[0]), mostDescriptors: 0)
        let line = [UInt8](repeating: 65, count: TakeoverConnection.longestLine) + (isEnded ? [10] : [])
        try sender.send(line, by: .now + .seconds(10))
        #expect(throws: TakeoverError.self) { try receiver.readLine(by: .now + .seconds(10)) }
    }

    @Test("a peer that says nothing, or reads nothing, is waited for until the deadline")
    func deadlines() throws {
        let pair = try Pair()
        let connection = TakeoverConnection(dup(pair.ends[1]), mostDescriptors: 0)
        #expect(throws: TakeoverError(description: "the other process did not answer in time")) {
            try connection.readLine(by: .now + .milliseconds(20))
        }
        #expect(throws: TakeoverError(description: "the other process did not answer in time")) {
            try connection.send([UInt8](repeating: 65, count: 8 << 20), by: .now + .milliseconds(20))
        }
    }
}
