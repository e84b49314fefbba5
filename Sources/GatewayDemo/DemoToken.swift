/// The admin token of one run, for a demo that other machines reach.
public enum DemoToken {
    /// Without characters that look alike, so that it can be copied from one screen to another by hand.
    private static let alphabet = Array("abcdefghjkmnpqrstuvwxyz23456789")
    private static let length = 20

    /// 20 random characters, which hold 99 bits.
    public static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<length).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] })
    }
}
