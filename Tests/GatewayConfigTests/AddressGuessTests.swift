import Testing

@testable import GatewayConfig

@Suite struct AddressGuessTests {
    @Test(arguments: [
        (":8080", "0.0.0.0:8080", "127.0.0.1:8080"), ("*:8080", "0.0.0.0:8080", "127.0.0.1:8080"),
        ("8080", "0.0.0.0:8080", "127.0.0.1:8080"), ("/run/s.sock", "unix:/run/s.sock", "unix:/run/s.sock"),
        ("unix:///run/s.sock", "unix:/run/s.sock", "unix:/run/s.sock"),
        ("http://a.example:81/x?y", "a.example:81", "a.example:81"), ("ws://a.example", "a.example:80", "a.example:80"),
        ("wss://a.example/chat", "a.example:443", "a.example:443"), ("https://[::1]", "[::1]:443", "[::1]:443"),
        ("::1:8080", "[::1]:8080", "[::1]:8080"),
    ])
    func whatOtherProgramsTakeIsUnderstood(text: String, listening: String, server: String) {
        #expect(AddressGuess.address(meantBy: text, isListening: true) == listening)
        #expect(AddressGuess.address(meantBy: text, isListening: false) == server)
    }

    @Test(arguments: [
        "", ":", "*", "0", "99999", ":99999", "a b:80", "http://", "http://me:secret@a.example", "ftp://a.example",
        "a.example", "unix:x", "tcp://a.example",
    ])
    func nothingIsProposedThatIsNoAddress(text: String) {
        #expect(AddressGuess.address(meantBy: text, isListening: true) == nil)
    }

    @Test func theProposalStandsInTheMessage() {
        let message = "expected an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/sluice.sock, found "
        #expect(
            problems(.root, "admin: { address: \":9901\" }") == [
                "4:19: error: \(message)\":9901\"; did you mean \"0.0.0.0:9901\"?"
            ])
        // What came from the environment is in no message.
        #expect(
            problems(.root, "admin: { address: \"${PLACE}\" }", environment: ["PLACE": ":9901"]) == [
                "4:19: error: \(message)\"${PLACE}\""
            ])
    }
}
