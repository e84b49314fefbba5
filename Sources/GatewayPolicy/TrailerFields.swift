public import HTTPTypes

public enum TrailerFields {
    public static func kept(_ fields: HTTPFields) -> HTTPFields { fields }
}
