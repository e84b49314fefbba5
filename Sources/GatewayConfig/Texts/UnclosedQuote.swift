/// Finds the quote that is never closed, or closed by the opening quote of a later value, when a file is no YAML.
///
/// What YAML says of such a file points to where it gave up, often many lines below the mistake.
enum UnclosedQuote {
    struct Finding {
        var place: Place
        var message: String
    }

    private struct Quoted {
        var opening: Place
        var closing: Place?
    }

    /// - Parameters:
    ///   - mistake: where YAML gave up.
    ///   - isAtEnd: whether it gave up looking for the end of quoted text.
    /// - Returns: nil when no quote can be at fault.
    static func find(before mistake: Place, in text: String, isAtEnd: Bool) -> Finding? {
        for quoted in quotedTexts(text) {
            guard quoted.opening < mistake else { return nil }
            guard let closing = quoted.closing else {
                return isAtEnd
                    ? Finding(
                        place: quoted.opening,
                        message: "YAML syntax error: no closing quote follows the quote that opens here") : nil
            }
            // Text that goes over lines is rare; a syntax error right behind it is what a missing quote looks like.
            guard closing.line > quoted.opening.line, mistake.line == closing.line, mistake > closing else { continue }
            return Finding(
                place: quoted.opening,
                message: "YAML syntax error: the quote that opens here ends on line \(closing.line), column "
                    + "\(closing.column), and the text after it is not YAML; is the closing quote missing on line "
                    + "\(quoted.opening.line)?")
        }
        return nil
    }

    /// Quotes open a value where a value may begin; elsewhere they are characters like others (YAML 1.2 §7.3).
    private static func quotedTexts(_ text: String) -> [Quoted] {
        var found: [Quoted] = []
        var open: (quote: Unicode.Scalar, place: Place)?
        var place = Place.start
        var mayOpen = true
        var isBlankBefore = true
        var isComment = false
        var isEscaped = false
        var last: (quote: Unicode.Scalar, place: Place)?
        for scalar in text.unicodeScalars {
            defer {
                place =
                    scalar == "\n"
                    ? Place(line: place.line + 1, column: 1) : Place(line: place.line, column: place.column + 1)
            }
            if let (quote, opening) = open {
                if isEscaped {
                    isEscaped = false
                } else if scalar == "\\", quote == "\"" {
                    isEscaped = true
                } else if scalar == quote {
                    found.append(Quoted(opening: opening, closing: place))
                    last = (quote, place)
                    open = nil
                    mayOpen = false
                    isBlankBefore = false
                }
                continue
            }
            if scalar == "\n" {
                (mayOpen, isBlankBefore, isComment) = (true, true, false)
                continue
            }
            if isComment { continue }
            switch scalar {
            case "#" where isBlankBefore: isComment = true
            case "'"
            where last?.quote == "'"
                && last.map({ $0.place.line == place.line && $0.place.column == place.column - 1 }) == true:
                // Two of them inside quoted text stand for one.
                let reopened = found.popLast()
                open = reopened.map { ("'", $0.opening) }
            case "\"" where mayOpen, "'" where mayOpen: open = (scalar, place)
            case " ", "\t", "\r": break
            case ":", ",", "[", "{", "-", "?": mayOpen = true
            default: mayOpen = false
            }
            isBlankBefore = scalar == " " || scalar == "\t"
        }
        if let (_, opening) = open { found.append(Quoted(opening: opening, closing: nil)) }
        return found
    }
}
