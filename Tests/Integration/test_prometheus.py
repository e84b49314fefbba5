"""What conf/ has for Prometheus and Grafana: promtool takes it, each alert fires when it should, and every query of the
board and of the alerts finds its metrics at a gateway under traffic."""

import contextlib
import json
import math
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml

from http2_raw import PREFACE, data, settings
from programs import prometheus
from raw import BINARY, TEXT, Ended
from sluice import REPOSITORY, configuration
from waiting import SLOWDOWN, eventually

CONF = REPOSITORY / "conf"
RULES = CONF / "prometheus" / "alerts.yaml"
BOARD = json.loads((CONF / "grafana" / "sluice.json").read_text())
TESTS = Path(__file__).parent / "alerts"
TOKEN = "a-token-of-the-tests"
# What Grafana would put in the place of the board's variables.
VARIABLES = {"$job": "sluice", "$instance": ".*", "$route": ".*", "$upstream": ".*", "$__rate_interval": "10s"}


def rules(kind):
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule[kind]: rule for group in groups for rule in group["rules"] if kind in rule}


def panels():
    return [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def queries():
    """(title, expression) of each query of the board."""
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


def metrics_of(expression):
    return set(re.findall(r"\bsluice_\w+", expression))


def promtool(*arguments, **options):
    assert shutil.which("promtool"), "promtool is not installed: run scripts/prerequisites test"
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, **options)


# Files

def test_promtool_takes_the_configuration():
    checked = promtool("check", "config", "--syntax-only", CONF / "prometheus" / "prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_in_a_cluster_the_admin_port_of_each_pod_of_sluice_is_a_target(tmp_path):
    config = yaml.safe_load((CONF / "prometheus" / "kubernetes.yaml").read_text())
    scrape, = config["scrape_configs"]
    # Debian's Prometheus is built without Kubernetes: a file says instead what the cluster would.
    found, = scrape.pop("kubernetes_sd_configs")
    assert found["role"] == "pod"
    pods = [
        {"targets": [f"10.1.0.{number}:{port}"], "labels": {
            "__meta_kubernetes_pod_label_app_kubernetes_io_name": name,
            "__meta_kubernetes_pod_name": f"{name}-{number}",
            "__meta_kubernetes_pod_container_port_name": port_name, "__meta_kubernetes_namespace": "sluice"}}
        for number, name, port, port_name in (
            (1, "sluice", 8443, "websocket"), (1, "sluice", 9901, "admin"), (2, "sluice", 9901, "admin"),
            (3, "other", 9901, "admin"))]
    (tmp_path / "pods.yaml").write_text(yaml.safe_dump(pods))
    scrape["file_sd_configs"] = [{"files": ["pods.yaml"]}]
    scrape["authorization"]["credentials_file"] = "token"
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "alerts.yaml").write_text(RULES.read_text())
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    checked = promtool("check", "config", tmp_path / "prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shown = promtool("check", "service-discovery", "--timeout=1s", tmp_path / "prometheus.yaml", "sluice")
    kept = [one["labels"] for one in json.loads(shown.stdout) if one.get("labels")]
    assert {(one["__address__"], one["instance"], one["pod"], one["namespace"]) for one in kept} == {
        ("10.1.0.1:9901", "sluice-1", "sluice-1", "sluice"), ("10.1.0.2:9901", "sluice-2", "sluice-2", "sluice")}


def test_promtool_takes_the_alerts():
    checked = promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_fires_and_stays_silent_when_it_should():
    files = sorted(TESTS.glob("*.yaml"))
    assert {file.stem for file in files} == rules("alert").keys(), "expected a file of tests for each alert"
    for file in files:
        tests = yaml.safe_load(file.read_text())["tests"]
        asked = [question for test in tests for question in test["promql_expr_test"]]
        assert all(f'alertname="{file.stem}"' in question["expr"] for question in asked), file
        assert {bool(question["exp_samples"]) for question in asked} == {True, False}, f"{file} asks for one alone"
    done = promtool("test", "rules", *files)
    assert done.returncode == 0, done.stdout + done.stderr


def anchors(page):
    """The anchors that a reader's links find, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", (REPOSITORY / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_each_alert_says_what_it_means_and_where_to_read_on():
    for name, rule in rules("alert").items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        notes = rule["annotations"]
        assert notes.keys() == {"summary", "description", "runbook_url"}, name
        page, _, anchor = notes["runbook_url"].partition("#")
        assert anchor in anchors(page), f"{name}: {page} has no entry {anchor}"


def test_the_board_is_laid_out_in_order():
    identities = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(identities)) == len(identities)
    taken = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < 24 and not taken & cells, f"{panel['title']} lies on another panel"
        taken |= cells
    for panel in panels():
        assert panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]
    named = {f"${variable['name']}" for variable in BOARD["templating"]["list"]}
    for title, expression in queries():
        used = set(re.findall(r"\$\w+", expression))
        assert used <= named | {"$__rate_interval"}, f"{title}: {used - named}"


def test_grafana_finds_the_board_and_the_data_source():
    provisioning = CONF / "grafana" / "provisioning"
    source, = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    scraped = yaml.safe_load((CONF / "prometheus" / "prometheus.yaml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped, "Grafana derives the window of its rates from it"
    provider, = yaml.safe_load((provisioning / "dashboards" / "sluice.yaml").read_text())["providers"]
    assert provider["type"] == "file" and provider["options"]["path"].startswith("/")


# A gateway under traffic, and a Prometheus that reads its metrics

class Traffic(threading.Thread):
    """Clients of every kind that has a metric, one after the other until `stop`."""

    def __init__(self, running):
        super().__init__(daemon=True)
        self._running = running
        self._over = threading.Event()
        self.failure = None
        self.start()

    def run(self):
        try:
            while not self._over.wait(0.05):
                self.round()
        except BaseException as error:
            self.failure = error

    @contextlib.contextmanager
    def client(self):
        peer = self._running.connect()
        with contextlib.closing(peer):
            yield peer

    def round(self):
        for fields in ([], [("Sec-WebSocket-Extensions", "deflate-stream, permessage-deflate")],
                       [("Sec-WebSocket-Version", "8")]):
            with self.client() as peer:
                peer.open("/chat", fields)
                self.talk(peer)
        with self.client() as peer:
            peer.open("/tool")
        with self.client() as peer:
            peer.open("/broken")
            peer.expect_close()
        for request, status in (("GET /nowhere", 404), ("GET /chat", 426)):
            with self.client() as peer:
                peer.send(f"{request} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert peer.read_response().status == status, request
        with self.client() as peer:
            peer.send(PREFACE + settings() + data(0, b"belongs to no stream"))
            with contextlib.suppress(Ended):
                peer.read_to_end()

    def talk(self, peer):
        for opcode in (TEXT, BINARY):
            peer.send_frame(opcode, b"Good day " * 100)
            peer.read_frame()
        peer.send_close()
        peer.read_frame()

    def stop(self):
        self._over.set()
        self.join(20)
        if self.failure:
            raise self.failure


@pytest.fixture
def busy(gateway, backend):
    """A gateway with an open WebSocket, and `Traffic` on it."""
    server = {"name": "chat", "servers": [{"address": backend().address}],
              "health_check": {"websocket": True, "path": "/", "interval": "1s", "timeout": "1s"}}
    running = gateway({
        **configuration(
            {"name": "chat", "match": {"path": "/chat"}, "upstream": "chat", "max_connections": 50, "max_requests": 50,
             "legacy_versions": [8]},
            {"name": "tool", "match": {"path": "/tool"}, "command": ["/bin/cat"]},
            {"name": "broken", "match": {"path": "/broken"}, "command": ["/bin/false"]},
            upstreams=[server]),
        "admin": {"address": "127.0.0.1:0", "token": TOKEN}})
    traffic = Traffic(running)
    yield running
    traffic.stop()


def metrics(running):
    status, _, body = running.admin("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert status == 200
    return body.decode()


@contextlib.contextmanager
def telling(rest):
    """Names what is left in `rest` when a wait comes to nothing."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{error}: {rest}") from None


def names(text):
    return set(re.findall(r"^(sluice_\w+)", text, re.MULTILINE))


def test_promtool_takes_the_metrics_and_every_name_is_there(busy):
    wanted = set().union(*(metrics_of(expression) for _, expression in queries()),
                         *(metrics_of(rule["expr"]) for rule in (rules("alert") | rules("record")).values()))
    missing = set(wanted)

    def none_is_missing():
        missing.intersection_update(wanted - names(metrics(busy)))
        return not missing

    with telling(missing):
        eventually(none_is_missing, "every metric that a query or a rule names")
    checked = promtool("check", "metrics", input=metrics(busy))
    assert checked.returncode == 0 and not checked.stdout, checked.stdout + checked.stderr


@pytest.fixture
def asked(request, busy, tmp_path):
    """`asked(path, **parameters)` is what a Prometheus answers that reads the metrics of a busy gateway."""
    directory = tmp_path / "prometheus"
    directory.mkdir()
    program = prometheus(directory, busy.addresses["admin"], TOKEN)
    request.addfinalizer(program.stop)
    program.start()

    def ask(path, **parameters):
        url = f"http://{program.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def is_ready():
        with contextlib.suppress(urllib.error.HTTPError):
            return urllib.request.urlopen(f"http://{program.address}/-/ready", timeout=10).close() or True

    eventually(is_ready, "Prometheus to be ready", 20 * SLOWDOWN)
    return ask


def test_every_query_finds_data(asked):
    def value(expression):
        for name, replacement in sorted(VARIABLES.items(), reverse=True):
            expression = expression.replace(name, replacement)
        found = asked("query", query=expression)["result"]
        return [float(one["value"][1]) for one in found if not math.isnan(float(one["value"][1]))]

    silent = queries()

    def all_found_data():
        # Those that found something once need not be asked again.
        silent[:] = [(title, expression) for title, expression in silent if not value(expression)]
        return not silent

    with telling(silent):
        eventually(all_found_data, "data for every query of the board", 20 * SLOWDOWN)
    for annotation in BOARD["annotations"]["list"]:
        value(annotation["expr"])
    for variable in BOARD["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
            found = asked("series", **{"match[]": series.replace("$job", "sluice")})
            assert all(one.get(label) for one in found) and found, variable["definition"]

    evaluated = [rule for group in asked("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in evaluated} == (rules("alert") | rules("record")).keys()
    assert {rule["health"] for rule in evaluated} <= {"ok", "unknown"}, evaluated
