import ArgumentParser
import CBuildFacts
import Gateway
import PerMessageDeflate

struct Version: ParsableCommand {
    /// What the program was built of, as far as the build was told.
    static let commit = String(cString: sluice_build_commit())

    static let configuration = CommandConfiguration(
        abstract: "Print the version, and what the program is built of.",
        discussion: """
            The first line is all that sluice --version prints. The commit is known where SLUICE_COMMIT was set when the \
            program was built, as make build does.
            """)

    func run() {
        print(
            """
            sluice \(Gateway.version)
            commit  \(Self.commit)
            Swift   \(Gateway.compiler)
            TLS     BoringSSL of swift-nio-ssl \(String(cString: sluice_build_nio_ssl()))
            zlib    \(ZlibLibrary.version)
            """)
    }
}
