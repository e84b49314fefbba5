"""`sluice stats`, `connections`, `close` and `version`, and how commands find the gateway they ask."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

from changes import free_address
from raw import RawServer
from sluice import BINARY, REPOSITORY, command, configuration
from test_commands import STRANGERS, TOKEN, Answering, http_answer
from waiting import SLOWDOWN

VERBS = {
    "stats": ["stats"], "connections": ["connections"], "close": ["close", "1"], "top": ["top"],
    "reload": ["reload"], "drain": ["drain"],
}


@pytest.fixture
def busy(gateway, wire):
    """A gateway with two routes, one WebSocket on each."""
    server = wire.server()
    running = gateway(configuration(
        {"name": "one", "match": {"path": "/one"}, "upstream": "backend", "max_connections": 7},
        {"name": "two", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}]))
    running.sockets = [wire.pair(running, server, path) for path in ("/one", "/two")]
    running.server = server.address
    running.at = ["--admin", running.addresses["admin"]]
    running.eventually(lambda stats: stats["connections"]["active"] == 2, "two WebSockets")
    return running


def table(text, title):
    """The rows below the line that begins with a title, each a dictionary."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[:1] == [title])
    names = re.split(r"\s{2,}", lines[start].strip())
    rows = []
    for line in lines[start + 1:]:
        if not line.strip():
            break
        rows.append(dict(zip(names, re.split(r"\s{2,}", line.strip()))))
    return rows


# What they print

def test_stats_are_a_table_of_routes_and_servers(busy):
    done = command("stats", *busy.at)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"at {busy.addresses['admin']}: serving" in done.stdout
    one, two = table(done.stdout, "ROUTE")
    assert (one["ROUTE"], one["OPEN"], one["CAP"], two["ROUTE"], two["CAP"]) == ("one", "1", "7", "two", "-")
    [server] = table(done.stdout, "UPSTREAM")
    assert (server["SERVER"], server["HEALTH"], server["OPEN"]) == (busy.server, "up", "2")
    assert json.loads(command("stats", "--json", *busy.at).stdout)["routes"]["one"]["active"] == 1


def test_connections_are_listed_filtered_and_closed(busy):
    rows = table(command("connections", *busy.at).stdout, "ID")
    assert sorted(row["ROUTE"] for row in rows) == ["one", "two"]
    assert {row["SERVER"] for row in rows} == {busy.server}
    for arguments, count in (
            (["--route", "one"], 1), (["--route", "o&ne=%"], 0), (["--ip", "127.0.0.1"], 2), (["--ip", "192.0.2.1"], 0),
            (["--server", busy.server], 2), (["--server", "127.0.0.1:1"], 0), (["--limit", "1"], 1)):
        done = command("connections", "--json", *arguments, *busy.at)
        assert len(json.loads(done.stdout)) == count, (arguments, done.stdout)
        assert ("--limit can be" in done.stderr) == ("--limit" in arguments)
    assert command("connections", "--route", "none", *busy.at).stdout == "no connections\n"
    [row] = table(command("connections", "--route", "one", *busy.at).stdout, "ID")
    done = command("close", row["ID"], "--code", "4001", "--reason", "it's over & done?", *busy.at)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"closing {row['ID']}\n", "")
    client, peer = busy.sockets[0]
    assert client.expect_close() == peer.expect_close() == (4001, "it's over & done?")
    client.send_close(4001)
    peer.send_close(4001)
    busy.eventually(lambda stats: stats["connections"]["active"] == 1, "the other to stay")
    done = command("close", row["ID"], *busy.at)
    assert done.returncode == 3 and f"no open WebSocket has the number {row['ID']}" in done.stderr, done.stderr


def test_health_is_quiet_and_has_an_exit_code(gateway, wire, tmp_path):
    server = wire.server()
    running = gateway(configuration(
        {"name": "all", "upstream": "backend"}, admin={"address": f"unix:{tmp_path}/admin.sock", "token": TOKEN},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}]))
    at = ["--admin", f"unix:{tmp_path}/admin.sock"]
    done = command("stats", "--health", running.file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # No token is needed.
    assert command("stats", "--health", *at).returncode == 0
    pair = wire.pair(running, server)
    assert command("drain", running.file).returncode == 0
    done = command("stats", "--health", *at)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr in (
        f"error: the gateway at unix:{tmp_path}/admin.sock is not ready: draining\n",), done.stderr
    del pair
    running.wait()
    done = command("stats", "--health", *at)
    assert (done.returncode, done.stdout) == (1, "") and "no gateway answers" in done.stderr


def test_top_without_a_terminal_prints_once(busy):
    done = command("top", *busy.at)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert len(table(done.stdout, "ROUTE")) == 2 and len(table(done.stdout, "ID")) == 2


# How the gateway is found

@pytest.mark.parametrize("verb", ["stats", "connections", "top", "close"])
def test_the_gateway_is_found_by_option_file_and_environment(gateway, tmp_path, verb):
    running = gateway(configuration(
        {"name": "all", "respond": 200}, admin={"address": f"unix:{tmp_path}/admin.sock", "token": TOKEN}))
    address = f"unix:{tmp_path}/admin.sock"
    token = tmp_path / "token"
    token.write_text(TOKEN)
    answer = "no open WebSocket" if verb == "close" else None
    nowhere = {"SLUICE_ADMIN": free_address()}
    for arguments, environment in (
            (["--config", running.file], nowhere), (["--admin", address, "--token-file", token], nowhere),
            (["--token-file", token], {"SLUICE_ADMIN": address}),
            ([], {"SLUICE_ADMIN": address, "SLUICE_ADMIN_TOKEN": TOKEN})):
        done = command(*VERBS[verb], *arguments, environment=environment)
        assert done.returncode == (3 if answer else 0), done.stdout + done.stderr
        assert not answer or answer in done.stderr
    for environment, words in (
            ({"SLUICE_ADMIN": address, "SLUICE_ADMIN_TOKEN": ""}, "requires its admin token"),
            ({"SLUICE_ADMIN": address, "SLUICE_ADMIN_TOKEN": "wrong"}, "refused the admin token"),
            ({**nowhere, "SLUICE_ADMIN_TOKEN": TOKEN}, "no gateway answers at")):
        done = command(*VERBS[verb], environment=environment)
        assert (done.returncode, done.stdout) == (3, ""), done.stdout
        [line] = done.stderr.splitlines()
        assert line.startswith("error: ") and words in line and TOKEN not in line, line


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_named_and_a_name_that_is_none(verb):
    if os.path.exists("/etc/sluice/sluice.yaml"):
        pytest.skip("there is a default file")
    done = command(*VERBS[verb], environment={"SLUICE_ADMIN": ""})
    assert done.returncode == 2 and "/etc/sluice/sluice.yaml" in done.stderr and "--admin" in done.stderr, done.stderr
    done = command(*VERBS[verb], environment={"SLUICE_ADMIN": "here"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: SLUICE_ADMIN is here, expected an address such as"), done.stderr


@pytest.mark.parametrize("verb", ["stats", "connections", "top"])
@pytest.mark.parametrize("stranger", ["something else", "a page", "no such path", "deep JSON"])
def test_what_is_no_gateway_is_told_in_a_sentence(verb, stranger):
    answer, words = STRANGERS[stranger]
    other = Answering(answer)
    done = command(*VERBS[verb], "--admin", other.server.address)
    other.close()
    assert (done.returncode, done.stdout) == (3, ""), done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert words.replace("POST /reload", "GET /") in done.stderr, done.stderr


def test_a_list_may_be_long():
    """Longer than the answers of other commands."""
    one = {"id": 1, "client": "192.0.2.1:1", "route": "r" * 64}
    other = Answering(http_answer(200, json.dumps([one] * 12_000).encode()))
    done = command("connections", "--limit", "12001", "--admin", other.server.address)
    other.close()
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 12_001, done.stderr


def test_the_default_file_is_read_where_none_is_named(tmp_path):
    """In a mount namespace, where /etc is another folder."""
    allowed = subprocess.run(["unshare", "-m", "true"], capture_output=True)
    if allowed.returncode:
        pytest.skip("this user may not mount")
    folder = tmp_path / "etc" / "sluice"
    folder.mkdir(parents=True)
    text = yaml.safe_dump(configuration({"name": "all", "respond": 200}, admin={"address": free_address()}))
    (folder / "sluice.yaml").write_text(text)

    def inside(*arguments):
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', tmp_path / "etc", BINARY, *arguments],
            capture_output=True, text=True, timeout=30 * SLOWDOWN,
            env={key: value for key, value in os.environ.items() if key != "SLUICE_ADMIN"})

    done = inside("check")
    assert done.returncode == 0 and "all" in done.stdout, done.stderr
    done = inside("stats")
    assert done.returncode == 3 and "no gateway answers at 127.0.0.1:" in done.stderr, done.stderr
    (folder / "sluice.yaml").write_text(text + "nonsense: 1\n")
    for verb in ("check", "run"):
        done = inside(verb)
        assert done.returncode == 1, done.stdout
        assert re.search(r"^/etc/sluice/sluice\.yaml:\d+:1: error: unknown key", done.stderr, re.MULTILINE), done.stderr


# Usage

USAGE = {
    "no number": (["close"], "id"),
    "a word": (["close", "it"], "expected the number of a WebSocket"),
    "a code that may not be sent": (["close", "1", "--code", "1006"], "expected 1000 to 1003"),
    "a long reason": (["close", "1", "--reason", "x" * 124], "at most 123 bytes, found 124"),
    "no limit": (["connections", "--limit", "0"], "expected a number from 1 to 100000"),
    "an interval without unit": (["top", "--interval", "5"], "expected a duration from 100ms to 1h"),
    "a short interval": (["top", "--interval", "1ms"], "expected a duration from 100ms to 1h"),
    "health and JSON": (["stats", "--health", "--json", "--admin", "127.0.0.1:1"], "can't be combined"),
    "an option misspelt": (["check", "--confg", "x"], "unknown option --confg; did you mean --config?"),
    "a command misspelt": (["chekc", "x"], "unknown command chekc; did you mean check?"),
    "a command like none": (["frobnicate"], "expected one of check, close, config, connections"),
    "an unknown format": (["check", "x", "--format", "xml"], "text"),
    "JSON and --diff": (["check", "x", "--format", "json", "--diff"], "can't be combined with --diff"),
}


@pytest.mark.parametrize("arguments, words", USAGE.values(), ids=USAGE)
def test_wrong_usage_names_the_culprit(arguments, words):
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    assert words in done.stderr and "Usage: sluice" in done.stderr, done.stderr


@pytest.mark.parametrize("verb", [
    "run", "check", "config", "config print", "config schema", "stats", "top", "connections", "close", "reload", "drain",
    "demo"])
def test_help_has_examples_and_says_where_the_documents_are(verb):
    for done in (command(*verb.split(), "--help"), command("help", *verb.split())):
        assert done.returncode == 0 and not done.stderr
        assert re.search(rf"Examples:\n(.*\n)*?\s+(HEALTHCHECK|sluice {verb})", done.stdout), done.stdout
        assert re.search(r"(docs/\w+|README)\.md", done.stdout), done.stdout
    for name in set(re.findall(r"(docs/\w+\.md|README\.md)", done.stdout)):
        assert (REPOSITORY / name).exists()


def test_version_tells_what_the_program_is_built_of():
    done = command("version")
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert re.fullmatch(r"\d+\.\d+\.\d+", lines["sluice"])
    assert re.fullmatch(r"[\w.-]+", lines["commit"])
    assert lines["Swift"].startswith("6.")
    package = (REPOSITORY / "Package.swift").read_text()
    assert lines["TLS"] == "BoringSSL of swift-nio-ssl " + re.search(r'nioSSLVersion: Version = "([\d.]+)"', package)[1]
    assert re.match(r"\d+\.\d+", lines["zlib"])
    assert command("--version").stdout == done.stdout.splitlines()[0] + "\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_parse(tmp_path, shell):
    done = command("--generate-completion-script", shell)
    assert done.returncode == 0 and "connections" in done.stdout, done.stderr
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    script = tmp_path / "script"
    script.write_text(done.stdout)
    parsed = subprocess.run([shell, "-n", script], capture_output=True, text=True)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_completions_complete(tmp_path):
    script = tmp_path / "script"
    script.write_text(command("--generate-completion-script", "bash").stdout)
    asked = subprocess.run(
        ["bash", "-c", f"source {script}; COMP_WORDS=(sluice conn); COMP_CWORD=1; COMP_LINE='sluice conn'; "
         "COMP_POINT=11; _sluice sluice conn sluice; echo ${COMPREPLY[@]}"],
        capture_output=True, text=True, env={**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}"})
    assert asked.stdout.split() == ["connections"], asked.stderr
