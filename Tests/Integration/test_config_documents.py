"""The documents that are made of the descriptions of the keys: the tables of docs/configuration.md, and the manual."""

import json
import re
import shutil
import subprocess

import pytest

from sluice import BINARY, REPOSITORY, command


def test_the_tables_of_the_reference_and_the_schema_are_current():
    done = subprocess.run(
        [REPOSITORY / "scripts" / "reference", BINARY, "--check"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_table_that_differs_is_named(tmp_path):
    for part in ("docs/configuration.md", "conf/sluice.schema.json", "scripts/reference"):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / part, tmp_path / part)
    page = tmp_path / "docs" / "configuration.md"
    text = page.read_text()
    page.write_text(text.replace("| `idle_timeout` | duration | `5m`", "| `idle_timeout` | duration | `6m`", 1))
    script = tmp_path / "scripts" / "reference"
    done = subprocess.run([script, BINARY, "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout.startswith("docs/configuration.md is not"), done.stderr
    done = subprocess.run([script, BINARY], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "wrote docs/configuration.md\n")
    assert page.read_text() == text


@pytest.mark.parametrize("page", [[], ["sluice.yaml"]], ids=["sluice.1", "sluice.yaml.5"])
def test_the_manual_has_every_command_and_key_and_no_warning(page, tmp_path):
    made = subprocess.run(
        [REPOSITORY / "scripts" / "manual", BINARY, "2026-01-01", *page], capture_output=True, text=True, timeout=60)
    assert (made.returncode, made.stderr) == (0, "")
    file = tmp_path / "page"
    file.write_text(made.stdout)
    # As lintian runs it.
    shown = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", file], capture_output=True, text=True, timeout=60,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80", "GROFF_NO_SGR": "1"})
    assert (shown.returncode, shown.stderr) == (0, "")
    linted = subprocess.run(["mandoc", "-Tlint", "-Wwarning", file], capture_output=True, text=True, timeout=60)
    assert linted.returncode == 0, linted.stdout
    text = re.sub(r".\x08", "", shown.stdout)
    words = {"defaults.compression", "idle_timeout", "10s"} if page else {"config print", "check", "--diff"}
    for word in words:
        assert word in text, word
    for section in json.loads(command("config", "reference").stdout) if page else []:
        for key in section["keys"]:
            assert re.search(rf"^ +{re.escape(key['name'])}\b", text, re.MULTILINE), key["name"]
