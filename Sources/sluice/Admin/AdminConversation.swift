import ArgumentParser

/// What the commands that ask a gateway have in common: each failure is one sentence and an exit code.
struct AdminConversation {
    let target: AdminTarget
    private let client: AdminClient

    init(_ target: AdminTarget) throws {
        self.target = target
        client = try AdminClient(target)
    }

    /// The answer, if its status is one of `expected`; prints why not and exits with 3 otherwise.
    func ask(_ method: String, _ path: String, expecting expected: Set<Int>) async throws -> AdminClient.Answer {
        let answer: AdminClient.Answer
        do {
            answer = try await client.ask(method, path)
        } catch let failure as AdminFailure {
            throw failed(failure.text(of: target.address))
        }
        guard !expected.contains(answer.status) else { return answer }
        switch answer.status {
        case 401 where target.token == nil:
            throw failed(
                "the gateway at \(target.address) wants its admin token and got none: give it with --token-file or "
                    + "SLUICE_ADMIN_TOKEN")
        case 401:
            throw failed(
                "the gateway at \(target.address) has another admin token than the one it got: give the one it was "
                    + "started with by --token-file")
        case 404, 405:
            throw failed(
                "what answers at \(target.address) knows no \(method) \(path): it is no gateway of this version; "
                    + "give the address of the admin endpoint with --admin")
        default:
            throw failed("the gateway at \(target.address) answered \(answer.status): \(answer.line)")
        }
    }

    /// The answer to one request whatever it is; for those who wait for a gateway to end.
    func peek(_ path: String) async -> Result<AdminClient.Answer, AdminFailure> {
        do {
            return .success(try await client.ask("GET", path))
        } catch {
            return .failure(AdminFailure(error))
        }
    }

    /// Says what came of it; the exit code is for the caller to throw.
    func failed(_ text: String) -> any Error {
        StandardError.print("error: \(text)")
        return Exit.notReached
    }
}
