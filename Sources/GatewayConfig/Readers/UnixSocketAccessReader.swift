/// `mode`, `owner` and `group` beside the address of a unix socket.
struct UnixSocketAccessReader {
    let context: ReadingContext

    /// - Parameter address: what they stand beside; nil: it is wrong, and reported.
    func read(_ section: MappingReader, beside address: Address?) -> UnixSocketAccess {
        let given = section.given(["mode", "owner", "group"])
        if case .tcp? = address {
            for entry in given {
                context.report(
                    "\(entry.key) applies only to a unix socket, and address is one of TCP; remove \(entry.key), or use "
                        + "an address such as unix:/run/sluice.sock", at: entry.place)
            }
        }
        return UnixSocketAccess(
            mode: section.node("mode").flatMap {
                context.value(
                    $0, expecting: "octal permissions from \"0000\" to \"0777\" such as \"0660\"", parse: mode)
            },
            owner: section.node("owner").flatMap {
                context.value($0, expecting: "the name of a user of this system, or the number of a user") { text in
                    SystemAccounts.number(text) ?? SystemAccounts.user(named: text)?.user
                }
            },
            group: section.node("group").flatMap {
                context.value($0, expecting: "the name of a group of this system, or the number of a group") { text in
                    SystemAccounts.number(text) ?? SystemAccounts.group(named: text)
                }
            })
    }

    private func mode(_ text: String) -> UInt32? {
        guard text.utf8.count == 3 || (text.utf8.count == 4 && text.hasPrefix("0")) else { return nil }
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "7") ~= $0 }) else { return nil }
        return UInt32(text, radix: 8)
    }
}
