import GatewayPolicy
import HTTPTypes
import Testing

@Suite("Names of fields that servers take for others (RFC 3875 §4.1.18)")
struct FieldNamesTests {
    @Test(arguments: [
        ("X_Forwarded_For", true), ("X-Forwarded_Proto", true), ("X_Remote_User", true), ("X.Remote.User", true),
        ("X~Y", true), ("X!Y", true), ("X*Y", true), ("X-Forwarded-For", false), ("Cookie", false), ("X-1", false),
    ])
    func foldable(name: String, isFoldable: Bool) throws {
        #expect(FieldNames.isFoldable(try #require(HTTPField.Name(name))) == isFoldable)
    }

    @Test func aFieldThatIsSetTakesThePlaceOfAllItCouldBeTakenFor() throws {
        var fields = HeaderFilterTests.fields([
            ("X_Request_Id", "1"), ("X-Request-ID", "2"), ("x.request.id", "3"), ("X-Request-Ids", "4"),
        ])
        let name = try #require(HTTPField.Name("X-Request-Id"))
        fields.setFolding(name, to: "own")
        #expect(HeaderFilterTests.lines(fields) == ["X-Request-Id: own", "X-Request-Ids: 4"])
        fields.setFolding(name, to: nil)
        #expect(HeaderFilterTests.lines(fields) == ["X-Request-Ids: 4"])
    }
}
