import Foundation
import SwiftASN1
import X509

/// Opens the PEM files a configuration names, so that `check` finds what would fail at start.
struct CertificateFileCheck {
    let context: ReadingContext

    private static let sizeLimit = 1024 * 1024

    /// A chain, the server's certificate first (RFC 8446 §4.4.2), and the key that belongs to it.
    func checkPair(certificate path: ScalarText, privateKey keyPath: ScalarText) {
        guard context.checkFiles else { return }
        let chain = certificates(path)
        let key = privateKey(keyPath)
        guard let chain, let leaf = chain.first else { return }
        if context.now > leaf.notValidAfter {
            context.report("the certificate in \(path.shown) expired on \(day(leaf.notValidAfter))", at: path.place)
        }
        if context.now < leaf.notValidBefore {
            context.report(
                "the certificate in \(path.shown) is not valid before \(day(leaf.notValidBefore))", at: path.place)
        }
        guard let key, key.publicKey != leaf.publicKey else { return }
        if chain.contains(where: { $0.publicKey == key.publicKey }) {
            context.report(
                "the certificate of the private key in \(keyPath.shown) has to be the first in \(path.shown)",
                at: path.place)
        } else {
            context.report(
                "the private key in \(keyPath.shown) belongs to another certificate than \(path.shown)",
                at: keyPath.place)
        }
    }

    /// Certificates to trust.
    func checkAuthorities(_ path: ScalarText) {
        guard context.checkFiles else { return }
        _ = certificates(path)
    }

    private func certificates(_ path: ScalarText) -> [Certificate]? {
        guard let text = text(path) else { return nil }
        let blocks = PEMText.blocks(of: text, label: "CERTIFICATE")
        guard !blocks.isEmpty else {
            context.report("expected PEM certificates in \(path.shown), found none", at: path.place)
            return nil
        }
        var certificates: [Certificate] = []
        for (number, block) in blocks.enumerated() {
            do {
                certificates.append(try Certificate(pemEncoded: block))
            } catch {
                context.report(
                    "certificate \(number + 1) of \(blocks.count) in \(path.shown) is damaged: \(error)", at: path.place
                )
                return nil
            }
        }
        return certificates
    }

    /// Why a key does not parse is not told: the reason might quote it.
    private func privateKey(_ path: ScalarText) -> Certificate.PrivateKey? {
        guard let text = text(path) else { return nil }
        let labels = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]
        guard let block = labels.lazy.compactMap({ PEMText.blocks(of: text, label: $0).first }).first else {
            let encrypted = text.contains("ENCRYPTED PRIVATE KEY")
            context.report(
                encrypted
                    ? "the private key in \(path.shown) is encrypted; store it without a passphrase"
                    : "expected a PEM private key in \(path.shown), found none", at: path.place)
            return nil
        }
        guard let key = try? Certificate.PrivateKey(pemEncoded: block) else {
            context.report(
                "the private key in \(path.shown) is damaged, encrypted or of a kind that is not supported"
                    + " (RSA, P-256, P-384, P-521 and Ed25519 are)", at: path.place)
            return nil
        }
        return key
    }

    private func text(_ path: ScalarText) -> String? {
        do {
            return try SmallFile.text(path: context.absolutePath(path.text), limit: Self.sizeLimit)
        } catch {
            context.report("the file \(path.shown) \(error.reason)", at: path.place)
            return nil
        }
    }

    private func day(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day())
    }
}

/// The blocks of a PEM file (RFC 7468), which may hold other kinds and comments between them.
enum PEMText {
    /// The blocks with `label`, each with its encapsulation boundaries.
    static func blocks(of text: String, label: String) -> [String] {
        var blocks: [String] = []
        var current: [Substring]?
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("-----BEGIN \(label)-----") { current = [] }
            current?.append(line)
            if line.hasPrefix("-----END \(label)-----"), let lines = current {
                blocks.append(lines.joined(separator: "\n"))
                current = nil
            }
        }
        return blocks
    }
}
