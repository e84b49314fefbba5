import Foundation

/// A certificate for `site.example` that signs itself, valid for a hundred years, and its key, as files in a folder that
/// goes with this object. Its signatures have one length, so that handshakes are cut at the same places each time.
package final class SiteIdentity: Sendable {
    private let directory: URL

    package var certificate: String { directory.appendingPathComponent("site.pem").path }
    package var privateKey: String { directory.appendingPathComponent("site.key").path }

    package enum Key: Sendable {
        case ed25519
        /// Of 2048 bits.
        case rsa
    }

    package init(_ key: Key = .ed25519) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-site-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let texts =
            switch key {
            case .ed25519: (Self.certificateText, Self.keyText)
            case .rsa: (Self.rsaCertificateText, Self.rsaKeyText)
            }
        try Data(texts.0.utf8).write(to: URL(fileURLWithPath: certificate))
        try Data(texts.1.utf8).write(to: URL(fileURLWithPath: privateKey))
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private static let certificateText = """
        -----BEGIN CERTIFICATE-----
        MIIBXjCCARCgAwIBAgIUX9OuoFWW59WEx7iuVkc3IY0kJD4wBQYDK2VwMBcxFTAT
        BgNVBAMMDHNpdGUuZXhhbXBsZTAgFw0yNjExMjkxMTI1NDdaGA8yMTI2MTEwNTEx
        MjU0N1owFzEVMBMGA1UEAwwMc2l0ZS5leGFtcGxlMCowBQYDK2VwAyEA8I1mN7IU
        ncmm2iH/4f6Oe6TYCJpWCvcNhoLny+gIpeqjbDBqMB0GA1UdDgQWBBTkzLEZnkaw
        lsaoiQCqDilEYaJtoDAfBgNVHSMEGDAWgBTkzLEZnkawlsaoiQCqDilEYaJtoDAP
        BgNVHRMBAf8EBTADAQH/MBcGA1UdEQQQMA6CDHNpdGUuZXhhbXBsZTAFBgMrZXAD
        QQBLBMFaOi10tkW5dCk3ZIxMIF3qGQ/FzfksvBp5MOSZ1EDtIRXA+qiaHhuJk2Fh
        6x0sFNjVhgFKJXAZCexNzW0P
        -----END CERTIFICATE-----

        """

    private static let keyText = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIFfzHKECwLWwPGAecrNmCU3n2hjqAXhJMH43FQRNjruD
        -----END PRIVATE KEY-----

        """

    private static let rsaCertificateText = """
        -----BEGIN CERTIFICATE-----
        MIIDKjCCAhKgAwIBAgIUdoWP3K3TvO/UCH3fDapdfbqXkswwDQYJKoZIhvcNAQEL
        BQAwFzEVMBMGA1UEAwwMc2l0ZS5leGFtcGxlMCAXDTI2MTEyOTE1MzY0NFoYDzIx
        MjYxMTA1MTUzNjQ0WjAXMRUwEwYDVQQDDAxzaXRlLmV4YW1wbGUwggEiMA0GCSqG
        SIb3DQEBAQUAA4IBDwAwggEKAoIBAQDMMUtqrgmdZFNGnWkqzgILB7zvrk2CVLTM
        /Kp61mTtfAUm2Rb7oDvUuSbUamsI3fa5fDFOMCpDVGFokBSSBdPj3jvZryHRoGzm
        g5quS6Q1HEcyGgsq4TLsYdd3JteXIuAVccPhfLCL9PVaNmW7qMNm19dRARsQTwJN
        74AdVWNQXCzFNj6AdsUBKDcZXvonPJ/RaYTB1ptzkDDShlAEJmnO8Ql4iXgKz+97
        RiMN4ifZqEUtC+OuTo03x96jOV3rIzAEZNJ9Kz7ta6dgYu0xPeXyhjCO3rsbJKGE
        pZ3KIIAGFxhR6IPQvzSmZ9buTkKVc4CyXxiROsl7UhesmdSdoS3PAgMBAAGjbDBq
        MB0GA1UdDgQWBBSFl5N/S00YGyVXxI17JooXtKbc4jAfBgNVHSMEGDAWgBSFl5N/
        S00YGyVXxI17JooXtKbc4jAPBgNVHRMBAf8EBTADAQH/MBcGA1UdEQQQMA6CDHNp
        dGUuZXhhbXBsZTANBgkqhkiG9w0BAQsFAAOCAQEAy98kAlRpT4iH/lZHm7sjKQ9m
        SuLmj5iK9Lk9D8wdBDCjBrDHHQA4+CN1P/Nt2p7+tkzhFd1bo3xe6bFhfhnMyNhm
        jV8kjI5W1OLyV7iq7MKUM7a4gQy9h/zfWnwYXlbOUTp2SUlD3I7dNpA211vFE88c
        HD96ZDuu37MEjgXV4MVZjaOIHliS+GeKIuhHBwmKbdgVc3YV6mGffNJXJyeOqqo6
        GYOSnU71jxGaWqa3q/qS0JeCQr9TdKY1NxL/naf61blzyictIutBlhOXYQUKpSku
        V19itGjUjKKs7GU5PmZnHngy1rV/69+zaXlaTo4bIUZco5XbvgDAF0/w6M2ctg==
        -----END CERTIFICATE-----

        """

    private static let rsaKeyText = """
        -----BEGIN PRIVATE KEY-----
        MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQDMMUtqrgmdZFNG
        nWkqzgILB7zvrk2CVLTM/Kp61mTtfAUm2Rb7oDvUuSbUamsI3fa5fDFOMCpDVGFo
        kBSSBdPj3jvZryHRoGzmg5quS6Q1HEcyGgsq4TLsYdd3JteXIuAVccPhfLCL9PVa
        NmW7qMNm19dRARsQTwJN74AdVWNQXCzFNj6AdsUBKDcZXvonPJ/RaYTB1ptzkDDS
        hlAEJmnO8Ql4iXgKz+97RiMN4ifZqEUtC+OuTo03x96jOV3rIzAEZNJ9Kz7ta6dg
        Yu0xPeXyhjCO3rsbJKGEpZ3KIIAGFxhR6IPQvzSmZ9buTkKVc4CyXxiROsl7Uhes
        mdSdoS3PAgMBAAECggEARS4+Wvp0D3s6K6aRRwtc7dfFT39Ci3GfgAPqzotsznlC
        VZMfkkkLfFruqPEVKn/pY5aMLe1rpDwmdIK8NWz8CSv2Ix6O2rL7sm3MLlk6XTQj
        evoP5os98ZCEq73hNTd/rERLFU5lkkWACvx7I0VeTq26KZuyS6g5I6aNRWL0rviw
        FylqdiKeTDs/zGMtFspI3dAPqCn+AzQseTFETr8aeHrGdyr7kyUUbsdLCsgiwxIk
        bDhSGsKVw0+HL2ryVLLPtCaVK17TMfkmyGicvZtFk5fKay2wUkNYHGFlY2gZW64Y
        Jh3t8mUgTZH0jDjwaA6yzMXryohuvWtl+GmPidvjQQKBgQD8Kv2Q/fzWodmYm7BJ
        3JVpcDZkd6G6ceDyQH7VcqLk2FXkuXHwsRQafCUlhQXVcLTX7AP4WQno0Yv2fsyp
        eNwjqhh1aUBzWL986WUKLotJOlxGcUyHjTDH2WuPTHE2Und1dozgBK8udQviHOyB
        wR66jvVZV+XkSunYQILYahr0SQKBgQDPS6pW59SvnoRMxjzOhbDyfj5FCw1ggjCP
        /61ktVqlHLspVfkDYgcCSTJ+gJGjrb+M0Udljk7UBGc6kSVXJ3YVcyzxL4qzxlZg
        xgtuoTRZ3JS/DajCPltnTMKXUDIF6TgC6vfLRS29NA3avHksgMam7DOk7nrV5xny
        XI2xZ6ThVwKBgQCNcivjXaSqXATrRkE/XRzuFMRd3ID6TRBpsmWyoufeR77+Wksg
        QKPPK13GyvP3wo2eJEQh1Qfq8Ud6D6wLT8DjvHCVw2Ekkl5u2ZgUewEkJTlHRhww
        WLFJGJrtuWozl1Rsrf/dVKNTAtKUlbbQHZx39uKGp/hK8v5yj9UVQYc3CQKBgQDE
        FsVZVA/C2OY5YcSfb6PEn1r0INJUmpKphKhW/Z5zVcxN+7+ETbRnmyoitCgQdwkd
        gdJR5N34fPnRUv/Jg9CV1c+Ljvdbu6B2BqFF00QcRSaH27nplOcNvnTMgdXv9X9A
        c1hXdmcf9R+t7F+Lk31W5VStDdIwiV3n/1khmfNEHQKBgQCspIVltqmWpclKOUky
        v3O09JqJMdX5KtOFgve3166ypld47XnywIMEEz5Z6RyW+S2QN3iZe0dUK7abtG8s
        +Sn2f7TVNyTDvzF1haK0F0vCj6TBsjjEAo0zmLPIyvi+OZjuoEfOdHJQm3wGBCnV
        lohMKFuORsnKSQIf8Zfe7Shasw==
        -----END PRIVATE KEY-----

        """
}
