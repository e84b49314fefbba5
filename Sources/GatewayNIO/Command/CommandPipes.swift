import NIOCore
import SocketTransport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The pipes to and from a command. They are pipes and no sockets, as programs open `/dev/stdout` and `/dev/stderr`.
struct CommandPipes: Sendable {
    struct Pipe: Sendable {
        var read: CInt
        var write: CInt

        /// - Throws: `IOError`, for instance when no descriptor is left.
        static func open() throws -> Pipe {
            var ends: [CInt] = [-1, -1]
            guard pipe(&ends) == 0 else { throw IOError(errnoCode: errno, reason: "pipe") }
            // Swift can't call pipe2, which would do it at once. No command that is started in between gets them all the
            // same: swift-subprocess closes what it does not hand on.
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return Pipe(read: ends[0], write: ends[1])
        }

        func closeBoth() {
            close(read)
            close(write)
        }
    }

    /// Standard input, output and error of the command.
    var input: Pipe
    var output: Pipe
    var errors: Pipe

    /// - Parameter reserve: descriptors that pipes may not take.
    /// - Throws: `IOError`; nothing stays open.
    static func open(reserve: DescriptorReserve = .ofProcess()) throws -> CommandPipes {
        var opened: [Pipe] = []
        do {
            for _ in 0..<3 {
                let pipe = try Pipe.open()
                opened.append(pipe)
                guard !reserve.contains(max(pipe.read, pipe.write)) else {
                    throw IOError(errnoCode: EMFILE, reason: "pipe")
                }
            }
            return CommandPipes(input: opened[0], output: opened[1], errors: opened[2])
        } catch {
            for pipe in opened { pipe.closeBoth() }
            throw error
        }
    }

    /// Closes the ends that the command was to get, and now never will.
    func closeCommandEnds() {
        close(input.read)
        close(output.write)
        close(errors.write)
    }
}
