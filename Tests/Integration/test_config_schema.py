"""`conf/sluice.schema.json` takes what `sluice check` takes, and refuses what it refuses by form."""

import json
import re
import textwrap

import jsonschema
import pytest
import ruamel.yaml

from reader_mistakes import in_file, mistakes
from sluice import REPOSITORY, command

SCHEMA = json.loads((REPOSITORY / "conf" / "sluice.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def read(text):
    """YAML 1.2, as editors read it: `on` and `off` are words."""
    return ruamel.yaml.YAML(typ="safe", pure=True).load(text)


def faults(text):
    return [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in VALIDATOR.iter_errors(read(text))]


def test_it_is_a_schema():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_it_is_what_the_binary_prints():
    done = command("config", "schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == SCHEMA


CONF = REPOSITORY / "conf"
FILES = [CONF / "sluice.yaml", *sorted((CONF / "examples").glob("*.yaml")), CONF / "debian" / "sluice.yaml",
         REPOSITORY / "docker" / "sluice.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_it_takes_the_files_that_are_shipped_and_they_name_it(file):
    text = file.read_text()
    assert faults(text) == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named, "the first line names the schema"
    if file.parent.name == "debian":
        # Where the package puts it.
        assert named[1] == "/usr/share/doc/sluice/sluice.schema.json"
    else:
        assert (file.parent / named[1]).resolve() == CONF / "sluice.schema.json"


def test_it_takes_the_configuration_of_kubernetes():
    manifest = read((CONF / "kubernetes" / "configuration.yaml").read_text())
    assert faults(manifest["data"]["sluice.yaml"]) == []


def documented():
    blocks = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "docs" / "configuration.md").read_text(), re.DOTALL)
    for block in blocks:
        for key, section in (("listeners", '[{ name: l, address: "127.0.0.1:0" }]'),
                             ("routes", "[{ name: r, respond: 200 }]")):
            if not re.search(rf"^{key}:", block, re.MULTILINE):
                block += f"{key}: {section}\n"
        yield block


@pytest.mark.parametrize("text", list(documented()), ids=lambda text: text.splitlines()[0])
def test_it_takes_the_examples_of_the_reference(text):
    assert faults(text) == []


# What `check` takes in other spellings than the usual one, in a file that `check` takes.
SPELLINGS = {
    "numbers in quotes": in_file("route", 'max_connections: "10"\nmax_message_size: "0512"\nmax_body_size: 0'),
    "zeros before numbers": in_file("route", "idle_timeout: 010s\nmax_message_size: 01KiB"),
    "flags as text": in_file("listener", 'websocket_over_http2: "false"\nvia: "on"\nproxy_protocol: false'),
    "on as a flag": in_file("route", "http: true\nqueue: false\ncompression: { upstream: true }"),
    "names that look like numbers": 'listeners: [{ name: 8080, address: "a:1" }]\nroutes: [{ name: 1.5, respond: 200 }]\n',
    "names that look like flags": 'listeners: [{ name: true, address: "a:1" }]\nroutes: [{ name: on, respond: "200" }]\n',
    "a version without quotes": in_file("root", "x-tls: { minimum_version: 1.2 }"),
    "drafts as words": in_file("route", 'legacy_versions: ["8", 7, hixie-76]'),
    "values of fields that look like numbers": in_file(
        "route", "request_headers: { set: { X-One: 1, X-Two: true, x-three: 1.5 } }\nmatch: { query: { beta: 1 } }"),
    "the origin null": in_file("route", 'origins: ["null", "NULL", "*", "https://*.example.com:8443", "file://"]'),
    "references to the environment": """\
listeners: [{ name: "${X:-l}", address: "a:${PORT:-1}", via: "${VIA:-off}", websocket_over_http2: "${W:-true}" }]
limits: { max_connections: "${N:-10}", handshake_timeout: "${T:-1s}", max_header_size: "${S:-1KiB}" }
routes:
  - name: r
    upstream: u
    max_body_size: ${S:-1KiB}
    compression: ${C:-off}
    origins: ["${O:-https://a.example}"]
    missing_origin: ${M:-deny}
    legacy_versions: ["${L:-8}"]
upstreams: [{ name: u, servers: [{ address: "${A:-s:1}", state: "${D:-active}" }], host: "${H:-client}" }]
drain: { code: "${CODE:-1001}" }
log: { sample: "${SAMPLE:-0.5}", level: "${LEVEL:-info}", redact: ["${F:-client}"] }
""",
    "anchors, merge keys and keys for them": """\
x-timeouts: &timeouts { idle_timeout: 9m, ping_interval: 7s }
x-server: &server { address: "127.0.0.1:9001", weight: 3 }
listeners: [{ name: public, address: "127.0.0.1:0", x-note: [1, 2] }]
routes:
  - { name: one, match: { path: /one, x-why: nothing }, upstream: backend, <<: *timeouts }
  - { name: two, upstream: backend, <<: [*timeouts, { idle_timeout: 1s }], compression: { x-a: 1 } }
upstreams:
  - { name: backend, servers: [*server, { <<: *server, address: "127.0.0.1:9002" }], x-b: ~ }
""",
    "every way to answer": """\
listeners: [{ name: l, address: "[::1]:0" }, { name: m, address: "unix:/run/m.sock", mode: 0660 }]
routes:
  - { name: a, match: { path: /a }, redirect: /b }
  - { name: b, match: { path: /b }, redirect: { to: "https://a.example/", status: 301 } }
  - { name: c, match: { path: /c }, respond: 204 }
  - { name: d, match: { path: /d }, respond: {} }
  - { name: e, match: { path: /e }, command: [/bin/cat] }
  - { name: f, match: { path_regex: "/[0-9]+" }, command: { run: [/bin/cat, 1], framing: binary, kill_after: 0s } }
""",
    "every check, balance and cookie": """\
listeners: [{ name: l, address: "a:1" }]
routes: [{ name: a, upstream: a }, { name: b, match: { path: /b }, upstream: b }, { name: c, match: { path: /c }, upstream: c }]
upstreams:
  - { name: a, servers: [{ address: "s:1" }], health_check: {}, balance: { hash: { on: "header:X-User" } } }
  - name: b
    servers: [{ address: "s:2" }]
    health_check: { path: "/?a=b", status: [200, "204", 301-399], host: "a.example:80", interval: 100ms }
    balance: random_two
    sticky: { cookie: c, same_site: none, secure: true, max_age: 1d }
  - { name: c, servers: [{ address: "unix:/s" }], health_check: { websocket: true }, source: ["::1", 10.0.0.1] }
""",
    "what the log leaves out": in_file("root", "log: { redact: { client: hash, path: hide }, sample: 1.0 }"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_it_takes_what_check_takes(tmp_path, name):
    file = tmp_path / "sluice.yaml"
    file.write_text(SPELLINGS[name])
    done = command("check", file)
    assert done.returncode == 0, done.stderr
    assert faults(SPELLINGS[name]) == []
    printed = command("config", "print", file)
    assert printed.returncode == 0 and faults(printed.stdout) == []


# Mistakes of form; the others depend on other values, on files or on the system.
FORM = re.compile(r"expected |unknown key |missing key|an empty list of |\S+ (?:is not supported yet|can't be with |needs \S+ beside)"
                  r"|.* has a meaning with upstream only")
# What a pattern can't say: ranges, names within names, numbers within addresses. Nor does a schema see how a number is
# written that YAML has read.
BEYOND = {
    "a range of statuses": 'found "399-200"',
    "the length of a block": 'found "10.0.0.0/33"',
    "an empty label": 'found "a..b"',
    "a name below an address": 'found "*.10.0.0.1"',
    "a host that ends in a number": 'found "10.0.0.256"',
    "a fraction without its zero": 'found ".5"',
    "a number with an exponent": 'found "1e-3"',
}


def mistakes_of_form():
    return [(test, text, message) for test, text, message in mistakes() if FORM.match(message)]


def test_the_tables_of_mistakes_are_found():
    every = list(mistakes())
    assert len({test for test, _, _ in every}) >= 7
    assert len(every) > 150 and len(mistakes_of_form()) > 130


@pytest.mark.parametrize("test, text, message", mistakes_of_form())
def test_it_refuses_what_the_readers_refuse_by_form(test, text, message):
    is_beyond = any(found in message for found in BEYOND.values())
    assert bool(faults(text)) != is_beyond, f"{test}: {message}\n{text}"


# One of each kind of mistake, for each kind of value.
BAD = [
    ("root", "limts: {}"), ("listener", "adress: x"), ("route", "match: { hots: [a] }"), ("upstream", "h2: { streams: 1 }"),
    ("route", "compression: { windowbits: 9 }"), ("upstream", "health_check: { pth: / }"), ("root", "log: { redact: { ip: hash } }"),
    ("root", "limits:"), ("root", "limits: []"), ("root", "limits: 5"), ("route", "origins: {}"), ("route", "origins: a"),
    ("route", "match: [a]"), ("route", "idle_timeout: 90"), ("route", "idle_timeout: 1.5s"), ("route", "idle_timeout: [1s]"),
    ("route", "max_message_size: 1MB"), ("route", "max_message_size: true"), ("route", "max_connections: many"),
    ("route", "max_connections: 1.5"), ("route", "max_connections: -1"), ("listener", "via: maybe"),
    ("listener", "websocket_over_http2: on"), ("listener", "websocket_over_http2: 1"), ("upstream", "balance: hash"),
    ("upstream", "balance: { hash: { on: colour } }"), ("upstream", "balance: { hash: {} }"),
    ("root", "log: { sample: 1.1 }"), ("root", "log: { sample: -0.1 }"), ("root", "log: { level: loud }"),
    ("root", "drain: { code: 1000 }"), ("root", "drain: { delay: 366d }"), ("root", "drain: { delay: 8761h }"),
    ("root", "limits: { max_connections: 0 }"), ("root", "limits: { max_connections: 10000001 }"),
    ("root", "limits: { max_connections: \"0\" }"), ("root", "limits: { max_header_size: 511 }"),
    ("root", "limits: { max_header_size: 2MiB }"), ("root", "limits: { handshake_timeout: 0s }"),
    ("upstream", "health_check: { interval: 99ms }"), ("upstream", "retries: 11"), ("route", "compression: { level: 10 }"),
    ("listener", "protocols: []"), ("listener", "protocols: [h2, h2]"), ("listener", "tls: {}"),
    ("listener", "tls: { certificates: [{ certificate: a }] }"), ("upstream", "tls: { certificate: a }"),
    ("upstream", "sticky: {}"), ("route", "redirect: /a"), ("route", "rewrite: {}"),
    ("route", "rewrite: { path: /a, strip_prefix: /b }"), ("match", "path: /a\npath_prefix: /b"), ("route", "queue: on"),
    ("route", "rate: {}"), ("root", "admin: {}"), ("root", 'admin: { address: "a:65536" }'), ("root", "admin: { address: 80 }"),
]


@pytest.mark.parametrize("section, lines", BAD, ids=lambda value: value)
def test_both_refuse(tmp_path, section, lines):
    text = in_file(section, lines)
    file = tmp_path / "sluice.yaml"
    file.write_text(text)
    assert command("check", file).returncode == 1
    assert faults(text)


@pytest.mark.parametrize("text", [
    "", "[]", "listeners: []\nroutes: []\n", 'listeners: [{ name: l, address: "a:1" }]\n', "routes: [{ name: r, respond: 200 }]\n",
    'listeners: [{ address: "a:1" }]\nroutes: [{ name: r, respond: 200 }]\n',
    'listeners: [{ name: l, address: "a:1" }]\nroutes: [{ name: r }]\n',
    'listeners: [{ name: l, address: "a:1" }]\nroutes: [{ name: r, respond: 200, http: off }]\n',
], ids=repr)
def test_both_refuse_a_file_without_what_it_needs(tmp_path, text):
    file = tmp_path / "sluice.yaml"
    file.write_text(text)
    assert command("check", file).returncode == 1
    assert faults(text)


# Every key with a value of a kind that no key has

def every_key():
    """The file of EveryKey.swift, in which every mapping stands."""
    source = (REPOSITORY / "Tests" / "GatewayConfigTests" / "EveryKey.swift").read_text()
    config = read(textwrap.dedent(source.split('"""\n', 1)[1].rsplit('"""', 1)[0]))
    config["defaults"] = {"queue": {}, "compression": {}, "request_headers": {}, "on_change": {}}
    return config


def section_in(node, steps):
    """The first mapping at the path; lists are no steps of it."""
    if isinstance(node, list):
        return next((found for one in node if (found := section_in(one, steps)) is not None), None)
    if not isinstance(node, dict):
        return None
    return section_in(node[steps[0]], steps[1:]) if steps and steps[0] in node else None if steps else node


def keys_by_section():
    for section, form in [("", SCHEMA), *SCHEMA["definitions"].items()]:
        steps = section.replace("defaults.headers", "defaults.request_headers").split(".") if section else []
        yield pytest.param(section, steps, list(form["properties"]), id=section or "file")


def with_value(steps, keys, value):
    config = every_key()
    section_in(config, steps).update(dict.fromkeys(keys, value))
    return config


def test_the_file_with_every_mapping_is_good():
    assert [error.message for error in VALIDATOR.iter_errors(every_key())] == []


@pytest.mark.parametrize("value", ["[[]]", "null"])
@pytest.mark.parametrize("section, steps, keys", list(keys_by_section()))
def test_no_key_takes_a_value_of_another_kind(tmp_path, section, steps, keys, value):
    """`check` tells of each key at its line."""
    mark = "a value of another kind"
    file = tmp_path / "sluice.yaml"
    text = json.dumps(with_value(steps, keys, mark), indent=1).replace(f'"{mark}"', value)
    file.write_text(text)
    report = json.loads(command("check", "--format", "json", file).stdout)
    refused = {text.splitlines()[issue["line"] - 1].strip().rstrip(",") for issue in report["issues"]}
    for key in keys:
        assert f'"{key}": {value}' in refused, f"check takes {section}.{key}: {value}"
        assert list(VALIDATOR.iter_errors(with_value(steps, [key], json.loads(value)))), f"the schema takes {section}.{key}: {value}"
