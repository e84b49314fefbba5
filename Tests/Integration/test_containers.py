"""The files of docker/: Compose's schema and hadolint take them, what they mount is there, and the image's health check
tells a gateway that runs from one that does not. Docker itself is not needed."""

import importlib.resources
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from changes import free_address
from sluice import REPOSITORY, command, configuration

FOLDER = REPOSITORY / "docker"
COMPOSE = ["compose.yaml", "compose.monitoring.yaml"]


def services():
    """Those of both files, the second over the first as Compose does with two `-f`."""
    merged = {}
    for name in COMPOSE:
        for service, settings in yaml.safe_load((FOLDER / name).read_text())["services"].items():
            merged[service] = merged.get(service, {}) | settings
    return merged


def run(*arguments):
    return subprocess.run([str(word) for word in arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def compose_schema():
    """The schema of the Compose specification that check-jsonschema brings."""
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((vendored / "compose-spec.json").read_text())
    return jsonschema.validators.validator_for(schema)(schema)


@pytest.mark.parametrize("name", COMPOSE)
def test_the_compose_files_keep_the_schema(compose_schema, name):
    errors = list(compose_schema.iter_errors(yaml.safe_load((FOLDER / name).read_text())))
    assert not errors, errors


@pytest.mark.parametrize("name", ["Dockerfile", "echo.Dockerfile"])
def test_hadolint_finds_nothing(name):
    done = run(f"{Path(sys.executable).parent}/hadolint", FOLDER / name)
    assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr


def test_what_is_mounted_is_there_and_nothing_is_open_to_the_network():
    for name, service in services().items():
        assert "ALL" in service["cap_drop"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        for volume in service.get("volumes", []):
            source, target, *options = volume.split(":")
            if source.startswith("."):
                assert (FOLDER / source).resolve().exists() and options == ["ro"], volume
        assert service.keys() & {"image", "build"}
        if "image" in service:
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), f"{name}: a version that moves"


def test_the_gateway_has_time_to_drain():
    text = (FOLDER / "sluice.yaml").read_text()
    drain = yaml.safe_load(text).get("drain", {})
    delay, timeout = (
        int(drain.get(key, default).removesuffix("s")) for key, default in (("delay", "0s"), ("timeout", "30s")))
    assert int(services()["gateway"]["stop_grace_period"].removesuffix("s")) > delay + timeout + 5


def test_prometheus_and_grafana_find_what_they_are_given():
    prometheus, grafana = services()["prometheus"], services()["grafana"]
    mounted = {volume.split(":")[1] for volume in prometheus["volumes"]}
    option = next(word for word in prometheus["command"] if word.startswith("--config.file="))
    assert option.removeprefix("--config.file=") in mounted
    config = yaml.safe_load((REPOSITORY / "conf" / "prometheus" / "prometheus.yaml").read_text())
    scrape, = config["scrape_configs"]
    wanted = {*config["rule_files"], *scrape["file_sd_configs"][0]["files"]}
    assert {f"/etc/prometheus/{name}" for name in wanted} < mounted
    secret, = prometheus["secrets"]
    assert secret["target"] == f"/etc/prometheus/{scrape['authorization']['credentials_file']}"
    data, = (volume.split(":")[1] for volume in prometheus["volumes"] if volume.startswith("prometheus:"))
    assert f"--storage.tsdb.path={data}" in prometheus["command"]

    targets, = yaml.safe_load((FOLDER / "targets.yaml").read_text())
    host, port = targets["targets"][0].split(":")
    admin = yaml.safe_load((FOLDER / "sluice.yaml").read_text())["admin"]["address"]
    assert host in services() and admin.endswith(f":{port}")

    provisioning = REPOSITORY / "conf" / "grafana" / "provisioning"
    provider, = yaml.safe_load((provisioning / "dashboards" / "sluice.yaml").read_text())["providers"]
    board = f"{provider['options']['path']}/sluice.json"
    assert board in {volume.split(":")[1] for volume in grafana["volumes"]}
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == board
    source, = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["url"].removeprefix("$") in grafana["environment"]


def test_the_gateway_takes_its_configuration_with_and_without_a_token():
    for environment, warned in ((None, True), ({"SLUICE_ADMIN_TOKEN": "a-token"}, False)):
        done = command("check", FOLDER / "sluice.yaml", environment=environment)
        assert done.returncode == 0 and ("warning" in done.stderr) == warned, done.stdout + done.stderr


def test_the_health_check_of_the_image_tells_a_gateway_that_runs(gateway):
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", "")
    check = json.loads(re.search(r"^HEALTHCHECK.* CMD (\[.*\])$", text, re.MULTILINE)[1])
    running = gateway(configuration({"name": "all", "respond": {"status": 503}}))

    program, *words = check
    assert program == re.search(r'^ENTRYPOINT \["(.*)"\]$', text, re.MULTILINE)[1]

    def asked_at(address):
        return command(*words, environment={"SLUICE_ADMIN": address}).returncode

    assert asked_at(running.addresses["admin"]) == 0
    assert asked_at(free_address()) != 0
    assert asked_at(running.addresses["plain"]) != 0, "it answers with 503"
