"""The tables of mistakes in the unit tests of the readers: each file as the unit test makes it, and what it expects."""

import re

from sluice import REPOSITORY

FOLDER = REPOSITORY / "Tests" / "GatewayConfigTests"
LITERAL = r'"(?:[^"\\\n]|\\.)*"'
# A table, and the function below it that has every row refused with the message of the row.
TABLE = re.compile(
    r"@Test\((?:" + LITERAL + r",\s*)?arguments: \[\n(?P<rows>(?:(?!@Test).)*?)\n    \]\)\s*"
    r"func \w+\((?P<name>\w+): String, expected: String\) \{\s*"
    r"#expect\(problems\(\.(?P<section>\w+), (?P<text>[^\n]*?)\) == \[expected\]\)", re.DOTALL)
ROW = re.compile(r"\(\s*(" + LITERAL + r"),\s*(" + LITERAL + r")")

LISTENER = '{ name: l, address: "a:1" }'
ROUTE = "{ name: r, upstream: u }"
UPSTREAM = '{ name: u, servers: [{ address: "s:1" }] }'


def in_file(section, lines):
    """As `Section` of Fixture.swift has it."""
    def indented(count):
        return "".join(" " * count + line + "\n" for line in lines.split("\n") if line)
    listeners, routes, upstreams = f"listeners: [{LISTENER}]\n", f"routes: [{ROUTE}]\n", f"upstreams: [{UPSTREAM}]\n"
    return {
        "root": listeners + routes + upstreams + lines + "\n",
        "listener": 'listeners:\n  - name: l\n    address: a:1\n' + indented(4) + routes + upstreams,
        "route": "routes:\n  - name: r\n    upstream: u\n" + indented(4) + listeners + upstreams,
        "match": "routes:\n  - name: r\n    upstream: u\n    match:\n" + indented(6) + listeners + upstreams,
        "upstream": 'upstreams:\n  - name: u\n    servers: [{ address: "s:1" }]\n' + indented(4) + listeners + routes,
    }[section]


def unquoted(literal):
    """The text of a literal of Swift."""
    text = re.sub(r"\\u\{([0-9A-Fa-f]+)\}", lambda match: chr(int(match[1], 16)), literal[1:-1])
    escapes = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", '"': '"', "\\": "\\"}
    return re.sub(r"\\([nrt0\"\\])", lambda match: escapes[match[1]], text)


def mistakes():
    """(file of the test, text of the configuration, message)"""
    for file in sorted(FOLDER.glob("*Tests.swift")):
        for table in TABLE.finditer(file.read_text()):
            text = table["text"]
            for row, message in ROW.findall(table["rows"]):
                lines = unquoted(row)
                if text != table["name"]:
                    whole = text.replace(f"\\({table['name']})", "\0")
                    assert re.fullmatch(LITERAL, whole), f"{file.name}: {text}"
                    lines = unquoted(whole).replace("\0", lines)
                yield file.name, in_file(table["section"], lines), unquoted(message).split(": error: ", 1)[1]
