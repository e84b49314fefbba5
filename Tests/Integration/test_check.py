"""`sluice check`, and the other ways in which a command says no."""

import json
import re
import socket
import subprocess
import tempfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
import yaml

from raw import RawServer
from sluice import REPOSITORY, command, configuration, proxied

LINE = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): error: (?P<message>.+)$", re.MULTILINE)


def written(tmp_path, content):
    file = tmp_path / "sluice.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return file


def errors(done):
    return [match.groupdict() for match in LINE.finditer(done.stdout + "\n" + done.stderr)]


GOOD = """\
listeners:
  - { name: public, address: "127.0.0.1:0" }
routes:
  - { name: chat, match: { hosts: [chat.example.com], path_prefix: /chat }, upstream: backend }
  - { name: rest, respond: { status: 404, body: nothing here } }
upstreams:
  - { name: backend, servers: [{ address: "127.0.0.1:9001" }] }
"""


def test_a_good_file_gives_0_and_a_summary_of_its_routes(tmp_path):
    done = command("check", "--config", written(tmp_path, GOOD))
    assert done.returncode == 0, done.stderr
    for word in ("chat", "chat.example.com", "/chat", "backend", "rest"):
        assert word in done.stdout
    assert not errors(done)


# text replaced in GOOD, by what, line, words the message must have
MISTAKES = {
    "an unknown key": ("upstreams:", "upstream:", 6, ["upstream", "did you mean", "upstreams"]),
    "a key misspelt in a route": ("path_prefix:", "path_prefx:", 4, ["path_prefx", "did you mean", "path_prefix"]),
    "an unknown upstream": ("upstream: backend", "upstream: bakend", 4, ["bakend", "did you mean", "backend"]),
    "a bad port": ('"127.0.0.1:9001"', '"127.0.0.1:99999"', 7, ["99999"]),
    "a bad host": ("[chat.example.com]", '["chat.*.com"]', 4, ["chat.*.com"]),
    "a path without a slash": ("path_prefix: /chat", "path_prefix: chat", 4, ["/"]),
    "a bad regular expression": ("path_prefix: /chat", 'path_regex: "/(chat"', 4, ["/(chat"]),
    "a status out of range": ("status: 404", "status: 99", 5, ["99"]),
    "something not built": (
        "name: chat,", "name: chat, rate: {},", 4, ["rate", "not supported yet"]),
    "a mapping where a list is wanted": ("hosts: [chat.example.com]", "hosts: { a: b }", 4, ["hosts"]),
    "an action that is none": ("upstream: backend }", "upstream: backend, on_change: { removed: cloze } }", 4, [
        "keep, drain or close", "cloze", "did you mean", "close"]),
    "a state that is none": ('"127.0.0.1:9001" }', '"127.0.0.1:9001", state: dwon }', 7, ["dwon", "did you mean", "down"]),
    "two routes of one name": ("name: rest", "name: chat", 5, ["chat"]),
    "broken YAML": ("routes:\n", "routes: [\n", None, []),
}


@pytest.mark.parametrize("name", MISTAKES, ids=str)
def test_a_mistake_is_shown_where_it_is(tmp_path, name):
    old, new, line, words = MISTAKES[name]
    assert old in GOOD
    file = written(tmp_path, GOOD.replace(old, new, 1))
    for verb in ("check", "run"):
        done = command(verb, "--config", file)
        assert done.returncode == 1, f"{verb} gave {done.returncode}: {done.stdout}{done.stderr}"
        found = errors(done)
        assert found, done.stdout + done.stderr
        assert {error["file"] for error in found} == {str(file)}
        if line is not None:
            assert line in {int(error["line"]) for error in found}, found
        everything = "\n".join(error["message"] for error in found)
        for word in words:
            assert word.lower() in everything.lower(), everything


def test_every_mistake_comes_at_once_in_order(tmp_path):
    text = GOOD.replace("path_prefix:", "path_prefx:").replace("127.0.0.1:9001", "127.0.0.1:x")
    text += "limits:\n  max_connections: many\n  handshake_timeout: 10 sec\nnonsense: 1\n"
    found = errors(command("check", "--config", written(tmp_path, text)))
    places = [(int(error["line"]), int(error["column"])) for error in found]
    assert places == sorted(places)
    assert {4, 7, 9, 10, 11} <= {line for line, _ in places}, found


def test_certificates_are_opened(tmp_path, authority, site):
    other = authority.issue("other-key", ["localhost"])
    expired = authority.issue("expired", ["localhost"], days=-1)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not a certificate")
    cases = [
        (site.certificate, site.private_key, 0), (site.certificate, other.private_key, 1),
        (expired.certificate, expired.private_key, 1), (garbage, site.private_key, 1),
        (tmp_path / "absent.pem", site.private_key, 1),
    ]
    for certificate, key, status in cases:
        config = configuration(
            {"name": "page", "respond": 200},
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {
                "certificates": [{"certificate": str(certificate), "private_key": str(key)}]}}])
        done = command("check", "--config", written(tmp_path, config))
        assert done.returncode == status, f"{certificate}: {done.stdout}{done.stderr}"
        assert bool(errors(done)) == bool(status)


def test_environment_variables(tmp_path):
    text = GOOD.replace("127.0.0.1:9001", "127.0.0.1:${SLUICE_TEST_PORT}")
    file = written(tmp_path, text)
    assert command("check", "--config", file, environment={"SLUICE_TEST_PORT": "9001"}).returncode == 0
    done = command("check", "--config", file)
    assert done.returncode == 1
    assert "SLUICE_TEST_PORT" in errors(done)[0]["message"]
    defaulted = written(tmp_path, text.replace("SLUICE_TEST_PORT", "SLUICE_TEST_PORT:-9001"))
    assert command("check", "--config", defaulted).returncode == 0


def test_a_file_that_is_not_there(tmp_path):
    done = command("check", "--config", tmp_path / "absent.yaml")
    assert done.returncode == 1
    assert "absent.yaml" in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["check"], ["run"], ["check", "--config"], ["check", "--nonsense", "x"], ["run", "a", "b"],
])
def test_wrong_usage_gives_2(arguments):
    done = command(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "usage" in (done.stdout + done.stderr).lower()


@pytest.mark.parametrize("arguments", [["version"], ["help"], ["--help"], ["help", "run"]])
def test_version_and_help_give_0(arguments):
    done = command(*arguments)
    assert done.returncode == 0
    assert "sluice" in done.stdout.lower() or re.search(r"\d+\.\d+", done.stdout)


@pytest.mark.parametrize("which", ["listener", "admin"])
def test_a_port_in_use_gives_3(tmp_path, which):
    holder = RawServer()
    config = proxied("127.0.0.1:9")
    if which == "listener":
        config["listeners"][0]["address"] = holder.address
    else:
        config["admin"]["address"] = holder.address
    done = command("run", "--config", written(tmp_path, config))
    assert done.returncode == 3, done.stdout + done.stderr
    assert str(holder.port) in done.stdout + done.stderr
    holder.close()


def test_check_opens_no_port(tmp_path):
    holder = RawServer()
    config = proxied("127.0.0.1:9")
    config["listeners"][0]["address"] = holder.address
    assert command("check", "--config", written(tmp_path, config)).returncode == 0
    holder.sock.setblocking(False)
    with pytest.raises((BlockingIOError, socket.timeout)):
        holder.sock.accept()
    holder.close()


def test_the_example_configurations_are_accepted(tmp_path):
    copytree(REPOSITORY / "conf", tmp_path / "conf", ignore=ignore_patterns("tls"))
    copytree(REPOSITORY / "docker", tmp_path / "docker")
    made = subprocess.run(
        [REPOSITORY / "scripts" / "certificates", tmp_path / "conf" / "tls"], capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stdout + made.stderr
    # The folders for Prometheus, Grafana and Kubernetes have files of theirs.
    examples = sorted((tmp_path / "conf" / "examples").glob("*.yaml"))
    files = [tmp_path / "docker" / "sluice.yaml", tmp_path / "conf" / "sluice.yaml", *examples]
    assert len(files) > 4
    for file in files:
        done = command("check", "--config", file)
        assert done.returncode == 0, done.stdout + done.stderr
        # The one in docker/ has its admin endpoint without a token in a network of its own.
        assert "warning" not in done.stderr or file.parent.name == "docker", done.stderr


def test_a_warning_is_told_and_refuses_nothing(tmp_path):
    file = written(tmp_path, GOOD + 'admin: { address: "0.0.0.0:9901" }\n')
    done = command("check", "--config", file)
    assert done.returncode == 0
    assert re.search(r"^.+sluice\.yaml:8:19: warning: anyone who can reach 0\.0\.0\.0:9901 can", done.stderr, re.MULTILINE)
    assert "chat.example.com" in done.stdout
    assert not errors(done)


def test_states_of_servers_are_shown_and_an_upstream_without_an_active_one_is_warned_of(tmp_path):
    server = '{ address: "127.0.0.1:9001" }'
    two = server + ', { address: "127.0.0.1:9002", state: draining }'
    done = command("check", "--config", written(tmp_path, GOOD.replace(server, two)))
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1:9001, 127.0.0.1:9002 draining" in done.stdout
    assert "warning" not in done.stderr
    none = '{ address: "127.0.0.1:9001", state: down }'
    done = command("check", "--config", written(tmp_path, GOOD.replace(server, none)))
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1:9001 down" in done.stdout
    assert re.search(r"sluice\.yaml:7:5: warning: no server of this upstream accepts new WebSockets", done.stderr)


def test_a_warning_is_logged_by_run(gateway):
    running = gateway(configuration({"name": "all", "respond": 200}, admin={"address": "0.0.0.0:0"}))
    entry = next(entry for entry in running.log() if entry["message"] == "configuration warning")
    assert entry["level"] == "warning"
    assert entry["place"].startswith(str(running.file))
    assert "set admin.token" in entry["reason"]


# What stands below a mistake

def test_the_source_and_a_caret_stand_below(tmp_path):
    file = written(tmp_path, GOOD.replace("path_prefix:", "path_prefx:") + "admin: { address: x, token: \"s3cret\" }\n")
    done = command("check", file)
    lines = done.stderr.splitlines()
    assert len(lines) == 6
    assert LINE.fullmatch(lines[0]) and LINE.fullmatch(lines[3]), lines
    assert lines[1] == " 4 | " + GOOD.splitlines()[3].replace("path_prefix", "path_prefx")
    assert lines[2].index("^") == lines[1].index("path_prefx")
    assert lines[5].index("^") == lines[4].index("x, token")
    assert "s3cret" not in done.stderr and '"******"' in lines[4]
    # The same without a configuration that could be asked for its admin endpoint.
    assert command("run", file).stderr == done.stderr
    assert command("reload", file).stderr == done.stderr


def test_json_has_every_issue(tmp_path):
    done = command("check", "--format", "json", written(tmp_path, GOOD + "nonsense: 1\nmore: 2\n"))
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    assert report["valid"] is False and report["file"].endswith("sluice.yaml")
    assert [(issue["line"], issue["column"], issue["severity"]) for issue in report["issues"]] == [
        (8, 1, "error"), (9, 1, "error")]
    assert report["issues"][0]["message"].startswith('unknown key "nonsense"')
    file = written(tmp_path, GOOD + 'admin: { address: "0.0.0.0:9901" }\n')
    done = command("check", "--format", "json", file)
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["valid"], report["file"]) == (0, "", True, str(file))
    assert [issue["severity"] for issue in report["issues"]] == ["warning"]
    done = command("check", "--format", "json", tmp_path / "absent.yaml")
    assert done.returncode == 1 and json.loads(done.stdout)["valid"] is False


def test_secrets_that_everyone_can_read_are_warned_of(authority, site):
    """Not below a folder that lets nobody else in, as those of pytest do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        key = folder / "site.key"
        key.write_bytes(site.private_key.read_bytes())
        config = configuration(
            {"name": "page", "respond": 200}, admin={"address": "127.0.0.1:0", "token": "s3cret"},
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {
                "certificates": [{"certificate": str(site.certificate), "private_key": str(key)}]}}])
        file = written(folder, config)
        for mode, count in ((0o644, 2), (0o640, 0), (0o600, 0)):
            key.chmod(mode)
            file.chmod(mode)
            done = command("check", file)
            assert done.returncode == 0 and done.stderr.count("every user of this machine") == count, done.stderr
            assert "s3cret" not in done.stderr
        key.chmod(0o644)
        file.chmod(0o644)
        folder.chmod(0o700)
        assert "every user" not in command("check", file).stderr
        folder.chmod(0o755)
        config["admin"]["token"] = "${SLUICE_TEST_TOKEN}"
        key.chmod(0o600)
        done = command("check", written(folder, config), environment={"SLUICE_TEST_TOKEN": "x"})
        assert (done.returncode, done.stderr) == (0, "")


def test_a_certificate_that_ends_soon_is_warned_of(tmp_path, authority):
    for days, warns in ((13, True), (15, False)):
        soon = authority.issue(f"ends-in-{days}", ["localhost"], days=days)
        config = configuration(
            {"name": "page", "respond": 200},
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [soon.setting]}}])
        done = command("check", written(tmp_path, config))
        assert done.returncode == 0
        assert bool(re.search(r":\d+:\d+: warning: the certificate in .* expires on \d{4}-", done.stderr)) == warns, done.stderr


def test_anchors_and_merge_keys(tmp_path):
    text = """\
x-timeouts: &timeouts { idle_timeout: 9m, ping_interval: 7s }
x-server: &server
  address: "127.0.0.1:9001"
  weight: 3
listeners:
  - { name: public, address: "127.0.0.1:0" }
routes:
  - { name: one, match: { path: /one }, upstream: backend, <<: *timeouts }
  - name: two
    upstream: backend
    <<: *timeouts
    idle_timeout: 90
upstreams:
  - { name: backend, servers: [*server, { <<: *server, address: "127.0.0.1:9002" }] }
"""
    [error] = errors(command("check", written(tmp_path, text)))
    assert (error["line"], error["column"]) == ("12", "19") and 'did you mean "90s"?' in error["message"]
    done = command("check", written(tmp_path, text.replace("idle_timeout: 90", "idle_timeout: 90s")))
    assert (done.returncode, done.stderr) == (0, "")
    assert "127.0.0.1:9001, 127.0.0.1:9002" in done.stdout


# C1, line separator, bidirectional override and isolate: in a name of a file, an argument, a value.
HIDDEN = "\x9b\u2028\u202e\u2067"
SHOWN = r"\u009b\u2028\u202e\u2067"


@pytest.mark.parametrize("arguments", [
    ["check", "--config", f"/nowhere/{HIDDEN}.yaml"], ["run", "--config", f"/nowhere/{HIDDEN}.yaml"], [HIDDEN],
    ["check", f"--{HIDDEN}"], ["demo", "--port", HIDDEN], ["help", HIDDEN],
], ids=["check", "run", "a command", "an option", "a value", "help"])
def test_what_nobody_sees_is_escaped_on_a_terminal(arguments):
    done = command(*arguments)
    output = done.stdout + done.stderr
    assert not any(character in output for character in HIDDEN)
    assert done.returncode != 0 or "help" in arguments


def test_what_nobody_sees_is_escaped_in_errors_and_in_the_summary(tmp_path):
    done = command("check", "--config", written(tmp_path, GOOD.replace("chat.example.com", f'"{SHOWN}"')))
    assert done.returncode == 1
    assert SHOWN in done.stderr and not any(character in done.stderr for character in HIDDEN)
    path = GOOD.replace("path_prefix: /chat", 'path_regex: "/\\u009b\\u202e"')
    done = command("check", "--config", written(tmp_path, path))
    assert done.returncode == 0, done.stderr
    assert r"/\u009b\u202e" in done.stdout and not any(character in done.stdout for character in HIDDEN)
