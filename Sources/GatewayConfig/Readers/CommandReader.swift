#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// `command` of a route.
struct CommandReader {
    let context: ReadingContext

    private static let runExpected = "a program and its arguments such as [python3, -u, script.py]"

    /// A list alone is the program and its arguments.
    func read(_ node: YAMLNode) -> CommandConfiguration? {
        if case .sequence = node.kind { return run(node).flatMap { self.command($0) } }
        let expected = "\(Self.runExpected), or \(KeySection.command.expectedInFull)"
        guard let section = MappingReader(node, .command, context: context, expecting: expected) else { return nil }
        let words = section.required("run").flatMap(run)
        let framing = section.word("framing", CommandConfiguration.Framing.self)
        let directory = section.text("directory", expecting: "a folder such as /srv/app")
        let environment = section.node("environment").flatMap(self.environment) ?? [:]
        let account = self.account(section)
        let killAfter = section.duration("kill_after")
        section.finish()
        guard let words else { return nil }
        var command = self.command(words, directory: directory, environment: environment)
        if let framing { command?.framing = framing }
        if let killAfter { command?.killAfter = killAfter }
        command?.account = account
        return command
    }

    private func run(_ node: YAMLNode) -> [ScalarText]? {
        guard let nodes = context.list(node, expecting: Self.runExpected) else { return nil }
        guard !nodes.isEmpty else {
            context.report("expected \(Self.runExpected), found an empty list", at: node.place)
            return nil
        }
        let words = nodes.compactMap { context.scalar($0, expecting: "text") }
        guard words.count == nodes.count else { return nil }
        for word in words where word.text.utf8.contains(0) {
            context.report("an argument can't contain a zero byte", at: word.place)
            return nil
        }
        guard words[0].text.isEmpty else { return words }
        context.report("expected the name or the path of a program, found nothing", at: words[0].place)
        return nil
    }

    private func command(
        _ words: [ScalarText], directory: ScalarText? = nil, environment: [String: String] = [:]
    ) -> CommandConfiguration? {
        var folder = context.directory
        if let directory {
            folder = context.absolutePath(directory.text)
            if context.checksFiles, !Self.isFolder(folder) {
                context.report("the folder \(directory.shown) does not exist", at: directory.place)
            }
        }
        guard let first = words.first else { return nil }
        let search = environment["PATH"] ?? context.environment["PATH"] ?? CommandConfiguration.usualPath
        return CommandConfiguration(
            run: words.map(\.text), program: program(first, search: search), directory: folder,
            environment: environment)
    }

    /// A name is looked up in the folders of PATH, as shells do; a path is relative to the configuration file.
    private func program(_ word: ScalarText, search: String) -> String {
        guard !word.text.contains("/") else {
            let path = context.absolutePath(word.text)
            if context.checksFiles, let fault = Self.fault(ofProgram: path) {
                context.report("\(word.shown) \(fault)", at: word.place)
            }
            return path
        }
        let candidates = search.split(separator: ":").filter { $0.hasPrefix("/") }.map { "\($0)/\(word.text)" }
        if let found = candidates.first(where: { Self.fault(ofProgram: $0) == nil }) { return found }
        if context.checksFiles {
            let folders = candidates.isEmpty ? "" : "; PATH is \(search)"
            context.report("no folder of PATH has the program \(word.shown)\(folders)", at: word.place)
        }
        return word.text
    }

    private static func fault(ofProgram path: String) -> String? {
        guard let kind = kind(of: path) else { return "does not exist" }
        if kind == S_IFDIR { return "is a folder, expected a program" }
        return access(path, X_OK) == 0 ? nil : "can't be executed: \(String(cString: strerror(errno)))"
    }

    private static func isFolder(_ path: String) -> Bool { kind(of: path) == S_IFDIR }

    /// Of what links lead to; nil: nothing is there, or nothing that may be looked at.
    private static func kind(of path: String) -> mode_t? {
        var found = stat()
        guard !path.utf8.contains(0), stat(path, &found) == 0 else { return nil }
        return found.st_mode & S_IFMT
    }

    private func environment(_ node: YAMLNode) -> [String: String]? {
        guard case .mapping(let entries) = node.kind else {
            context.report("expected a mapping of names to values, found \(node.found)", at: node.place)
            return nil
        }
        var variables: [String: String] = [:]
        for entry in entries {
            guard Self.isVariable(entry.key) else {
                context.report(
                    "expected the name of a variable: letters, digits and _, found \(quoted(entry.key))",
                    at: entry.place)
                continue
            }
            guard let value = context.scalar(entry.value, expecting: "text") else { continue }
            if value.text.utf8.contains(0) {
                context.report("the value of a variable can't contain a zero byte", at: value.place)
            } else {
                variables[entry.key] = value.text
            }
        }
        return variables
    }

    private static func isVariable(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    // MARK: As whom

    private func account(_ section: MappingReader) -> CommandConfiguration.Account {
        var account = CommandConfiguration.Account()
        let groupNode = section.entry("group")
        if let node = groupNode?.value {
            account.group = context.value(
                node, expecting: "the name of a group of this system, or the number of a group"
            ) { SystemAccounts.number($0) ?? SystemAccounts.group(named: $0) }
            account.groups = account.group.map { [$0] }
        }
        if let entry = section.entry("user") {
            let user = context.value(
                entry.value, expecting: "the name of a user of this system, or the number of a user"
            ) { text in
                if let number = SystemAccounts.number(text) {
                    return SystemAccounts.user(number: number)
                        ?? SystemAccounts.User(name: "", user: number, group: UInt32.max)
                }
                return SystemAccounts.user(named: text)
            }
            if let user { fill(&account, user, at: entry.place) }
        }
        warnOfLackingRights(account, section)
        return account
    }

    /// A user brings all its groups, so that nothing is left of the gateway's.
    private func fill(_ account: inout CommandConfiguration.Account, _ user: SystemAccounts.User, at place: Place) {
        account.user = user.user
        guard let group = account.group ?? (user.group < UInt32.max ? user.group : nil) else {
            context.report(
                "this system does not know the group of the user \(user.user); add group", at: place)
            return
        }
        account.group = group
        account.groups = user.name.isEmpty ? [group] : SystemAccounts.groups(of: user, with: group)
    }

    private func warnOfLackingRights(_ account: CommandConfiguration.Account, _ section: MappingReader) {
        guard context.checksFiles, geteuid() != 0 else { return }
        for (key, id, own) in [("user", account.user, geteuid()), ("group", account.group, getegid())] {
            guard let id, id != own, let place = section.entry(key)?.place ?? section.entry("user")?.place else {
                continue
            }
            context.warn("only a gateway that runs as root can start a command as another \(key)", at: place)
            return
        }
    }
}

extension CommandConfiguration {
    /// Where programs are looked for when nothing else is said.
    public static let usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}
