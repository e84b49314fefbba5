import Foundation

/// Gives libFuzzer one of the targets, named by `SLUICE_FUZZ_TARGET`; all arguments are libFuzzer's own.
///
/// The target is chosen by the environment and not by an argument, because libFuzzer starts itself anew with its
/// arguments when it merges corpora or runs several jobs.
@main
enum SluiceFuzz {
    static let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["SLUICE_FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
            FileHandle.standardError.write(Data("SLUICE_FUZZ_TARGET is \"\(name)\", expected one of \(names)\n".utf8))
            exit(2)
        }
        return target
    }()

    static func main() {
        _ = target
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments) { testOneInput($0, $1) })
    }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// Where libFuzzer's own `main` would begin; it has to be there for the library to link.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    do {
        try SluiceFuzz.target.check(UnsafeRawBufferPointer(start: start, count: count))
        return 0
    } catch {
        FileHandle.standardError.write(Data("\(SluiceFuzz.target.rawValue): \(error)\n".utf8))
        abort()
    }
}
