#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads the JSON of the admin endpoint.
enum AnswerDecoder {
    /// nil: it is none, or of another form.
    static func decoded<Answer: Decodable>(_ json: [UInt8]) -> Answer? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(Answer.self, from: Data(json))
    }
}
