import ArgumentParser
import CBuildFacts
import Gateway
import PerMessageDeflate

struct Version: ParsableCommand {
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
            commit  \(String(cString: sluice_build_commit()))
            Swift   \(Self.compiler)
            TLS     BoringSSL of swift-nio-ssl \(String(cString: sluice_build_nio_ssl()))
            zlib    \(ZlibLibrary.version)
            """)
    }

    /// The language has no name for the version of the compiler, only comparisons.
    private static var compiler: String {
        #if compiler(>=6.5)
            "6.5 or later"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
