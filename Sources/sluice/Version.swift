import ArgumentParser
import CBuildFacts
import Gateway
import PerMessageDeflate

struct Version: ParsableCommand {
    /// What the program was built of, as far as the build was told.
    static let commit = String(cString: sluice_build_commit())

    static let configuration = CommandConfiguration(
        abstract: "Print the version, the commit and the versions of the libraries.",
        discussion: """
            sluice --version prints only the first line. The commit is unknown unless the build had SLUICE_COMMIT; make \
            build sets it.
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
