import ArgumentParser

/// What the commands that ask a gateway have in common: each failure is one sentence and an exit code.
struct AdminConversation {
    /// Why a gateway did not do what it was asked for.
    struct Refusal: Error {
        /// One sentence.
        var text: String
    }

    let target: AdminTarget
    private let client: AdminClient

    /// - Parameter timeLimit: for one request, in seconds.
    init(_ target: AdminTarget, timeLimit: Int = 30) throws {
        self.target = target
        client = try AdminClient(target, timeLimit: timeLimit)
    }

    /// The answer, if its status is one of `expected`; prints why not and exits with 3 otherwise.
    ///
    /// - Parameter limit: the longest answer that is read, in bytes.
    func ask(
        _ method: String, _ path: String, expecting expected: Set<Int>, limit: Int = AdminClient.answerLimit
    ) async throws -> AdminClient.Answer {
        do {
            return try await answer(method, path, expecting: expected, limit: limit)
        } catch let refusal as Refusal {
            throw failed(refusal.text)
        }
    }

    /// The same without a word.
    ///
    /// - Throws: `Refusal`
    func answer(
        _ method: String, _ path: String, expecting expected: Set<Int>, limit: Int = AdminClient.answerLimit
    ) async throws -> AdminClient.Answer {
        let answer: AdminClient.Answer
        do {
            answer = try await client.ask(method, path, limit: limit)
        } catch let failure as AdminFailure {
            throw Refusal(text: failure.text(of: target.address))
        }
        guard !expected.contains(answer.status) else { return answer }
        switch answer.status {
        case 401 where target.token == nil:
            throw Refusal(
                text:
                    "the gateway at \(target.address) requires its admin token; give the token with --token-file or "
                    + "SLUICE_ADMIN_TOKEN")
        case 401:
            throw Refusal(
                text:
                    "the gateway at \(target.address) refused the admin token; give the token of its configuration with "
                    + "--token-file")
        case 404, 405:
            throw Refusal(
                text:
                    "the program at \(target.address) does not know \(method) \(path.prefix { $0 != "?" }), so it is not a "
                    + "gateway of this version; give the address of the admin endpoint with --admin")
        default:
            throw Refusal(text: "the gateway at \(target.address) answered \(answer.status): \(answer.line)")
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

    /// Of an answer that is not what a gateway of this version says.
    func unknownForm(_ answer: AdminClient.Answer, to question: String) -> Refusal {
        Refusal(
            text: "the gateway at \(target.address) answered \(question) with \(answer.status), in a form that this "
                + "version does not know: \(answer.line)")
    }

    /// Says what came of it; the exit code is for the caller to throw.
    func failed(_ text: String) -> any Error {
        StandardError.print("error: \(text)")
        return Exit.notReached
    }
}
