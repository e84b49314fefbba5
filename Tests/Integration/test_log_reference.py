"""docs/operations.md lists every message of the log, with its level, and no message that the program does not write."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LEVELS = ("trace", "debug", "info", "notice", "warning", "error", "critical")

# The beginning of whatever writes a line, up to the message. `line` is ClientExchange's way to begin one; a notice of
# certificates gets its messages by name.
WRITERS = re.compile(
    rf"\blog(?:ger)?\.(?P<level>{'|'.join(LEVELS)})\(|\blogger\.log\(\s*level: level,|\blog\.begin\("
    r"|\blines\.begin\(|\blineLog\.begin\(|\bLogEvent\(\s*level: \.(?P<event>\w+), message:"
    r"|(?<!\")\b(?:renewed|refused): (?=\")|\bline\(\s*(?=\")")
LITERAL = re.compile(r'"([^"\\]*)"')

# They write what their callers hand over, so their callers count.
PASSING_ON = {
    "GatewayNIO/Client/RequestLog.swift": 2, "GatewayNIO/Client/RequestLines.swift": 1,
    "GatewayNIO/Client/ClientExchange+Answers.swift": 1, "GatewayNIO/Life/Upkeep.swift": 2}


def written():
    """Each message of the sources, with the levels that its writers name, and the writers without a message by file."""
    messages, passing_on = {}, {}
    sources = REPOSITORY / "Sources"
    for file in sorted(sources.rglob("*.swift")):
        name = str(file.relative_to(sources))
        if name.startswith("GatewayDemo/"):
            continue
        text = file.read_text()
        for match in WRITERS.finditer(text):
            if match[0].startswith("line(") and "/ClientExchange" not in name:
                continue
            argument = re.split(r"metadata:|[)\]]", text[match.end():match.end() + 400], maxsplit=1)[0]
            found = LITERAL.findall(argument)
            if not found:
                passing_on[name] = passing_on.get(name, 0) + 1
            for message in found:
                level = match["level"] or match["event"]
                messages.setdefault(message, set()).update({level} if level else ())
    return messages, passing_on


def documented():
    """The messages of the reference, with the levels of their row."""
    text = (REPOSITORY / "docs" / "operations.md").read_text()
    table = text.split("| Message | Level | Fields |\n|---|---|---|\n", 1)[1].split("\n\n", 1)[0]
    rows = [line.split("|") for line in table.splitlines()]
    return {message: {level.strip() for level in row[2].split(",")}
            for row in rows for message in re.findall(r"`([^`]+)`", row[1])}


def test_the_reference_has_every_message_and_no_other():
    messages, passing_on = written()
    assert passing_on == PASSING_ON, "expected a constant message at each place that writes one"
    reference = documented()
    assert set(messages) - set(reference) == set(), "docs/operations.md lacks these messages"
    assert set(reference) - set(messages) == set(), "no source writes these messages of docs/operations.md"


def test_the_reference_has_the_level_of_each_message():
    messages, _ = written()
    reference = documented()
    wrong = {message: (levels, reference[message]) for message, levels in messages.items()
             if message in reference and not levels <= reference[message]}
    assert wrong == {}, "expected the levels of the sources in docs/operations.md"
