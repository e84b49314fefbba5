#if canImport(Glibc)
    import Glibc
    private typealias Group = Glibc.group
#elseif canImport(Musl)
    import Musl
    private typealias Group = Musl.group
#endif

/// `mode`, `owner` and `group` beside the address of a unix socket.
struct UnixSocketAccessReader {
    let context: ReadingContext

    /// - Parameter address: what they stand beside; nil: it is wrong, and reported.
    func read(_ section: MappingReader, beside address: Address?) -> UnixSocketAccess {
        let given = section.given(["mode", "owner", "group"])
        if case .tcp? = address {
            for entry in given {
                context.report(
                    "\(entry.key) is for the file of a unix socket; expected an address such as "
                        + "unix:/run/sluice.sock beside it, found one of TCP", at: entry.place)
            }
        }
        return UnixSocketAccess(
            mode: section.node("mode").flatMap {
                context.value(
                    $0, expecting: "octal permissions from \"0000\" to \"0777\" such as \"0660\"", parse: mode)
            },
            owner: section.node("owner").flatMap {
                context.value($0, expecting: "the name of a user this system has, or a user's number") { text in
                    number(text) ?? user(text)
                }
            },
            group: section.node("group").flatMap {
                context.value($0, expecting: "the name of a group this system has, or a group's number") { text in
                    number(text) ?? group(text)
                }
            })
    }

    private func mode(_ text: String) -> UInt32? {
        guard text.utf8.count == 3 || (text.utf8.count == 4 && text.hasPrefix("0")) else { return nil }
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "7") ~= $0 }) else { return nil }
        return UInt32(text, radix: 8)
    }

    /// A number need not have a name: in a container few do. The highest stands for "as it is" (chown(2)).
    private func number(_ text: String) -> UInt32? {
        UInt32(decimalDigits: text).flatMap { $0 < UInt32.max ? $0 : nil }
    }

    /// Enough for an entry of passwd; one of a group with thousands of members needs more.
    private static let bufferSizes = [16 * 1024, 1024 * 1024, 16 * 1024 * 1024]

    private func user(_ name: String) -> UInt32? {
        lookUp { buffer, size in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwnam_r(name, &entry, buffer, size, &found)
            return (code, found == nil ? nil : entry.pw_uid)
        }
    }

    private func group(_ name: String) -> UInt32? {
        lookUp { buffer, size in
            var entry = Group()
            var found: UnsafeMutablePointer<Group>?
            let code = getgrnam_r(name, &entry, buffer, size, &found)
            return (code, found == nil ? nil : entry.gr_gid)
        }
    }

    private func lookUp(_ ask: (UnsafeMutablePointer<CChar>, _ size: Int) -> (code: CInt, id: UInt32?)) -> UInt32? {
        for size in Self.bufferSizes {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            let (code, id) = ask(buffer, size)
            if code != ERANGE { return id }
        }
        return nil
    }
}
