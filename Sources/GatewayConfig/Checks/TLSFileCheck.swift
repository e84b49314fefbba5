/// Has the files of TLS judged that a configuration names, and reports what is wrong at the keys that name them.
struct TLSFileCheck {
    let context: ReadingContext

    func check(
        certificate: ScalarText, privateKey: ScalarText, ocsp: ScalarText? = nil, ciphers: [CipherSuite] = []
    ) {
        var places: [TLSFinding.Part: Place] = [.certificate: certificate.place, .privateKey: privateKey.place]
        places[.ocsp] = ocsp?.place
        report(
            on: .identity(
                certificate: named(certificate), privateKey: named(privateKey), ocsp: ocsp.map(named),
                ciphers: ciphers.map(\.rawValue)),
            places: places, otherwise: certificate.place)
        SecretFileCheck(context: context).check(privateKey, holding: "a private key")
    }

    /// Certificates to trust.
    func check(authorities: ScalarText) {
        report(on: .authorities(named(authorities)), places: [:], otherwise: authorities.place)
    }

    func check(ticketKeys: ScalarText) {
        report(on: .ticketKeys(named(ticketKeys)), places: [:], otherwise: ticketKeys.place)
    }

    private func report(on files: TLSFiles, places: [TLSFinding.Part: Place], otherwise: Place) {
        guard let judge = context.judge else { return }
        for finding in judge.findings(on: files, now: context.secondsSince1970) {
            let place = places[finding.part] ?? otherwise
            switch finding.severity {
            case .error: context.report(finding.message, at: place)
            case .warning: context.warn(finding.message, at: place)
            }
        }
    }

    private func named(_ path: ScalarText) -> NamedFile {
        // In full: a path that is cut says nothing about the file at its end.
        let shown = path.isLiteral ? "\"\(VisibleText.escaped(path.text))\"" : path.shown
        return NamedFile(path: context.absolutePath(path.text), shown: shown)
    }
}
