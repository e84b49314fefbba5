public import GatewayConfig
import GatewayTLS

/// Judges the files of TLS that a configuration names by reading them as whoever serves them does: `TLSMaterial` has the
/// last word about `check`, a start and a renewal alike.
public struct TLSMaterialJudge: TLSFileJudge {
    /// In seconds: whoever renews certificates by a program has done so by then, and whoever does it by hand still can.
    private static let renewalTime: Int64 = 14 * 86_400

    public init() {}

    public func findings(on files: TLSFiles, now: Int64) -> [TLSFinding] {
        switch files {
        case .identity(let certificate, let privateKey, let ocsp, let ciphers):
            identity(certificate, privateKey, ocsp, ciphers, now: now)
        case .authorities(let file): authorities(file)
        case .ticketKeys(let file): ticketKeys(file)
        }
    }

    /// Each file by itself, so that all mistakes come at once, then what they make together.
    private func identity(
        _ certificate: NamedFile, _ privateKey: NamedFile, _ ocsp: NamedFile?, _ ciphers: [String], now: Int64
    ) -> [TLSFinding] {
        var findings: [TLSFinding] = []
        func note(_ part: TLSFinding.Part, _ body: () throws(TLSMaterialFailure) -> Void) {
            if let failure = failure(body) { findings.append(TLSFinding(.error, part, failure.reason)) }
        }
        note(.certificate) { () throws(TLSMaterialFailure) in
            _ = try TLSMaterial.certificates(certificate.path, shownAs: certificate.shown)
        }
        note(.privateKey) { () throws(TLSMaterialFailure) in
            _ = try TLSMaterial.privateKey(privateKey.path, shownAs: privateKey.shown)
        }
        if let ocsp {
            note(.ocsp) { () throws(TLSMaterialFailure) in
                _ = try TLSMaterial.ocspResponse(ocsp.path, shownAs: ocsp.shown)
            }
        }
        guard findings.isEmpty else { return findings }
        do throws(TLSMaterialFailure) {
            let identity = try TLSMaterial.identity(
                certificate: certificate.path, key: privateKey.path, ocsp: ocsp?.path,
                certificateShownAs: certificate.shown, keyShownAs: privateKey.shown, ocspShownAs: ocsp?.shown)
            if let failure = identity.timeFailure(now: now) { throw failure }
            return [
                identity.endingSoon(now: now, within: Self.renewalTime).map { TLSFinding(.warning, .certificate, $0) },
                identity.ocspWarning(now: now).map { TLSFinding(.warning, .ocsp, $0) },
                identity.cipherWarning(ciphers).map { TLSFinding(.warning, .certificate, $0) },
            ].compactMap { $0 }
        } catch {
            let isAboutKey = error.file == privateKey.path && privateKey.path != certificate.path
            return [TLSFinding(.error, isAboutKey ? .privateKey : .certificate, error.reason)]
        }
    }

    private func authorities(_ file: NamedFile) -> [TLSFinding] {
        do throws(TLSMaterialFailure) {
            return try TLSMaterial.authorities(file.path, shownAs: file.shown).warnings
                .map { TLSFinding(.warning, .authorities, $0) }
        } catch {
            return [TLSFinding(.error, .authorities, error.reason)]
        }
    }

    private func ticketKeys(_ file: NamedFile) -> [TLSFinding] {
        do throws(TLSMaterialFailure) {
            return try TLSTicketKeys(file: file.path, shownAs: file.shown).warnings
                .map { TLSFinding(.warning, .ticketKeys, $0) }
        } catch {
            return [TLSFinding(.error, .ticketKeys, error.reason)]
        }
    }

    private func failure(_ body: () throws(TLSMaterialFailure) -> Void) -> TLSMaterialFailure? {
        do throws(TLSMaterialFailure) {
            try body()
            return nil
        } catch {
            return error
        }
    }
}
