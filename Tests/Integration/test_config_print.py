"""`sluice config print`: the file with every default, and no secret."""

import json
import subprocess
from shutil import copytree, ignore_patterns

import pytest
import ruamel.yaml

from sluice import REPOSITORY, command

TEXT = """\
listeners:
  - { name: public, address: "127.0.0.1:0" }
admin: { address: "127.0.0.1:0", token: "${SLUICE_TEST_TOKEN}" }
defaults:
  idle_timeout: 1m
  compression: { level: 9 }
routes:
  - name: chat
    match: { path_prefix: /chat, headers: { X-Key: hunter2 } }
    upstream: backend
    idle_timeout: 90s
    request_headers: { set: { Authorization: Bearer hunter2 } }
  - { name: rest, upstream: backend, compression: { level: 1 } }
  - { name: old, match: { path: /old }, redirect: "/new?key=hunter2" }
  - { name: tool, match: { path: /tool }, command: { run: [cat, hunter2], environment: { KEY: hunter2 } } }
upstreams:
  - name: backend
    sticky: { cookie: stay, secret: hunter2 }
    servers: [{ address: "127.0.0.1:9001" }]
    health_check: { path: "/health?key=hunter2" }
"""
TOKEN = {"SLUICE_TEST_TOKEN": "hunter2"}


def read(text):
    return ruamel.yaml.YAML(typ="safe", pure=True).load(text)


def printed(file, *options):
    done = command("config", "print", file, *options, environment=TOKEN)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "sluice.yaml"
    file.write_text(TEXT)
    return file


def test_defaults_are_filled_in(file):
    config = read(printed(file))
    assert list(config) == ["listeners", "admin", "limits", "routes", "upstreams", "log", "drain"]
    chat, rest, old, tool = config["routes"]
    assert (chat["idle_timeout"], rest["idle_timeout"], tool["idle_timeout"]) == ("90s", "1m", "1m")
    assert (chat["compression"]["level"], rest["compression"]["level"]) == (9, 1)
    assert chat["compression"]["window_bits"] == 12 and chat["http"] == "on" and chat["queue"] == "off"
    assert config["limits"]["handshake_timeout"] == "10s" and config["limits"]["max_header_size"] == "16KiB"
    assert config["upstreams"][0]["balance"] == "least_connections" and config["drain"]["code"] == 1012
    assert "max_connections" not in old and old["redirect"]["status"] == 302
    assert tool["command"]["run"][0].endswith("/cat") and tool["command"]["kill_after"] == "5s"


def test_secrets_are_masked_and_equal_ones_are_equal(file):
    text = printed(file)
    assert "hunter2" not in text
    config = read(text)
    assert config["admin"]["token"] == "masked-1" == config["upstreams"][0]["sticky"]["secret"]
    assert config["routes"][0]["request_headers"]["set"] == {"authorization": "masked-2"}
    assert config["routes"][2]["redirect"]["to"] == "/new?masked-3"


def test_what_is_printed_is_accepted_and_printed_as_the_same(file, tmp_path):
    text = printed(file)
    again = tmp_path / "elsewhere" / "again.yaml"
    again.parent.mkdir()
    again.write_text(text)
    done = command("check", again)
    assert done.returncode == 0
    # Masks are no secrets to run with.
    assert done.stderr.count("is what sluice config print writes in the place of a secret") == 2, done.stderr
    assert printed(again) == text


def test_the_files_that_are_shipped_are_stable(tmp_path):
    copytree(REPOSITORY / "conf", tmp_path / "conf", ignore=ignore_patterns("tls"))
    copytree(REPOSITORY / "docker", tmp_path / "docker")
    made = subprocess.run(
        [REPOSITORY / "scripts" / "certificates", tmp_path / "conf" / "tls"], capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stdout + made.stderr
    files = [tmp_path / "conf" / "sluice.yaml", tmp_path / "docker" / "sluice.yaml", tmp_path / "conf" / "debian" / "sluice.yaml",
             *sorted((tmp_path / "conf" / "examples").glob("*.yaml"))]
    assert len(files) > 8
    for number, file in enumerate(files):
        text = printed(file)
        again = tmp_path / f"{number}.yaml"
        again.write_text(text)
        done = command("check", again)
        assert done.returncode == 0, f"{file}: {done.stderr}"
        assert printed(again) == text, file


def plain(value):
    """With every scalar as text, since `8` of YAML is a number."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return json.dumps(value).strip('"')


def test_json_has_the_same(file):
    assert plain(json.loads(printed(file, "--json"))) == plain(read(printed(file)))


def test_a_file_with_mistakes_is_refused_as_check_refuses_it(file):
    file.write_text(TEXT.replace("idle_timeout: 90s", "idle_timeout: 90"))
    done = command("config", "print", "--config", file, environment=TOKEN)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == command("check", file, environment=TOKEN).stderr
    assert command("config", "print", file.parent / "absent.yaml").returncode == 1


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--config", "b"], ["--nonsense", "a"]], ids=" ".join)
def test_wrong_usage_gives_2(arguments):
    done = command("config", "print", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage" in done.stderr.lower()


def test_help_names_the_commands():
    done = command("help", "config")
    assert done.returncode == 0 and "print" in done.stdout and "schema" in done.stdout
    assert "reference" not in done.stdout
    assert "config" in command("help").stdout
