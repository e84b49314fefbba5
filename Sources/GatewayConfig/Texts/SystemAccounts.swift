#if canImport(Glibc)
    import Glibc
    private typealias GroupEntry = Glibc.group
#elseif canImport(Musl)
    import Musl
    private typealias GroupEntry = Musl.group
#endif

/// Users and groups as this system knows them, by name or number.
enum SystemAccounts {
    struct User {
        var name: String
        var user: UInt32
        var group: UInt32
    }

    /// A number need not have a name: in a container few do. The highest stands for "as it is" (chown(2)).
    static func number(_ text: String) -> UInt32? {
        UInt32(decimalDigits: text).flatMap { $0 < UInt32.max ? $0 : nil }
    }

    static func user(named name: String) -> User? {
        lookUp { buffer, size in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwnam_r(name, &entry, buffer, size, &found)
            return (code, found == nil ? nil : User(entry))
        }
    }

    static func user(number: UInt32) -> User? {
        lookUp { buffer, size in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwuid_r(number, &entry, buffer, size, &found)
            return (code, found == nil ? nil : User(entry))
        }
    }

    static func group(named name: String) -> UInt32? {
        lookUp { buffer, size in
            var entry = GroupEntry()
            var found: UnsafeMutablePointer<GroupEntry>?
            let code = getgrnam_r(name, &entry, buffer, size, &found)
            return (code, found == nil ? nil : entry.gr_gid)
        }
    }

    /// All groups that a user is a member of, this one as well.
    static func groups(of user: User, with group: UInt32) -> [UInt32] {
        // As many as Linux lets a process have.
        var count: CInt = 65536
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(user.name, group, &groups, &count) >= 0 else { return [group] }
        return Array(groups.prefix(Int(count)))
    }

    /// Enough for an entry of passwd; one of a group with thousands of members needs more.
    private static let bufferSizes = [16 * 1024, 1024 * 1024, 16 * 1024 * 1024]

    private static func lookUp<Found>(
        _ ask: (UnsafeMutablePointer<CChar>, _ size: Int) -> (code: CInt, found: Found?)
    ) -> Found? {
        for size in bufferSizes {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            let (code, found) = ask(buffer, size)
            if code != ERANGE { return found }
        }
        return nil
    }
}

extension SystemAccounts.User {
    fileprivate init(_ entry: passwd) {
        self.init(
            name: entry.pw_name.map { String(cString: $0) } ?? "", user: entry.pw_uid, group: entry.pw_gid)
    }
}
