"""The manifests of conf/kubernetes: they keep Kubernetes' schemas and each other's names, the gateway takes the
configuration that they bring, and their times fit."""

import json
import os
import re

import kubernetes_validate
import pytest
import yaml

from sluice import REPOSITORY, command

FOLDER = REPOSITORY / "conf" / "kubernetes"
FILES = sorted(file.name for file in FOLDER.glob("*.yaml") if file.name != "kustomization.yaml")
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OPTIONAL = {"autoscaler.yaml"}
VERSIONS = ["1.32.0", kubernetes_validate.latest_version()]


def manifest(kind):
    found = [document for name in FILES for document in yaml.safe_load_all((FOLDER / name).read_text())
             if document["kind"] == kind]
    assert len(found) == 1, f"expected one {kind}, got {len(found)}"
    return found[0]


@pytest.fixture(scope="module")
def pod():
    return manifest("Deployment")["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod):
    only, = pod["containers"]
    return only


@pytest.fixture(scope="module")
def configuration():
    (name, text), = manifest("ConfigMap")["data"].items()
    assert name == "sluice.yaml"
    return text


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", duration).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


def size(text):
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)B?", text).groups()
    return int(number) * 1024 ** ("Ki", "Mi", "Gi").index(unit) * 1024


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FILES)
def test_manifests_keep_the_schemas(name, version):
    for document in yaml.safe_load_all((FOLDER / name).read_text()):
        kubernetes_validate.validate(document, version, strict=True)


def test_kustomize_takes_every_manifest(container):
    assert set(KUSTOMIZATION["resources"]) | OPTIONAL == set(FILES)
    assert manifest("Namespace")["metadata"]["name"] == KUSTOMIZATION["namespace"]
    assert [image["name"] for image in KUSTOMIZATION["images"]] == [container["image"]]


def test_names_and_labels_lead_to_each_other(pod, container):
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    for selector in (
            manifest("Deployment")["spec"]["selector"]["matchLabels"], manifest("Service")["spec"]["selector"],
            manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
            manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
            pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]):
        assert selector.items() <= labels.items(), selector
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"] for port in manifest("Service")["spec"]["ports"]} == {"websocket"}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
    assert not any("subPath" in mount for mount in container["volumeMounts"]), "--watch would never see a change"
    assert volumes["configuration"]["configMap"]["name"] == manifest("ConfigMap")["metadata"]["name"]
    target = manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", manifest("Deployment")["metadata"]["name"])
    # The listener for everybody, the admin endpoint for one namespace.
    public, monitoring = manifest("NetworkPolicy")["spec"]["ingress"]
    assert "from" not in public and [port["port"] for port in public["ports"]] == [ports["websocket"]]
    assert monitoring["from"] and [port["port"] for port in monitoring["ports"]] == [ports["admin"]]


def test_prometheus_finds_these_pods(container):
    text = (REPOSITORY / "conf" / "prometheus" / "kubernetes.yaml").read_text()
    scrape, = yaml.safe_load(text)["scrape_configs"]
    assert scrape["kubernetes_sd_configs"][0]["namespaces"]["names"] == [KUSTOMIZATION["namespace"]]
    name, port = scrape["relabel_configs"][0]["regex"].split(";")
    assert manifest("Deployment")["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == name
    assert port in {one["name"] for one in container["ports"]}


def test_a_pod_keeps_the_restricted_standard(pod, container):
    standard = manifest("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    own = container["securityContext"]
    assert standard == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] != 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    dockerfile = (REPOSITORY / "docker" / "Dockerfile").read_text()
    user, group = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE).groups()
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (int(user), int(group))


@pytest.fixture
def mounted(configuration, pod, container, site, tmp_path):
    """The pod's file system as the kubelet makes it: every volume below `tmp_path`, its files as links through
    `..data`; the configuration's path in it."""
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    modes = {volume["name"]: int(volume["projected"]["defaultMode"]) for volume in pod["volumes"] if "projected" in volume}
    secrets = [source["secret"]["name"] for volume in pod["volumes"] if volume["name"] == "tls"
               for source in volume["projected"]["sources"]]
    assert secrets == ["sluice-tls", "sluice-tickets"]
    content = {
        "configuration": {"sluice.yaml": re.sub(r"(?<=: )/(?=etc/)", f"{tmp_path}/", configuration).encode()},
        "tls": {"tls.crt": site.certificate.read_bytes(), "tls.key": site.private_key.read_bytes(),
                "tickets.bin": os.urandom(80)}}
    assert content.keys() == mounts.keys()
    for volume, files in content.items():
        folder = tmp_path / mounts[volume].lstrip("/")
        (folder / "..2026_11_29").mkdir(parents=True)
        (folder / "..data").symlink_to("..2026_11_29")
        for name, text in files.items():
            (folder / "..2026_11_29" / name).write_bytes(text)
            (folder / "..2026_11_29" / name).chmod(modes.get(volume, 0o644))
            (folder / name).symlink_to(f"..data/{name}")
    path = container["args"][container["args"].index("--config") + 1]
    return tmp_path / path.lstrip("/")


def test_the_gateway_takes_the_configuration(mounted, container):
    variable, = container["env"]
    done = command("check", mounted, environment={variable["name"]: "a-token"})
    assert done.returncode == 0 and "warning" not in done.stdout + done.stderr, done.stdout + done.stderr
    refused = command("check", mounted)
    assert refused.returncode == 1 and variable["name"] in refused.stderr + refused.stdout


def test_a_change_of_the_configmap_is_seen(mounted, gateway, backend, container):
    text = mounted.read_text()
    for there, here in (
            ("0.0.0.0:8443", "127.0.0.1:0"), ("0.0.0.0:9901", "127.0.0.1:0"), ("delay: 15s", "delay: 0s"),
            ("app.default.svc.cluster.local:9001", backend().address)):
        assert there in text
        text = text.replace(there, here)
    volume = mounted.parent

    def publish(version, text):
        (volume / version).mkdir()
        (volume / version / "sluice.yaml").write_text(text)
        (volume / "..data_tmp").symlink_to(version)
        (volume / "..data_tmp").rename(volume / "..data")

    publish("..first", text)
    assert container["args"][0] == "run" and "--watch" in container["args"]
    running = gateway(
        yaml.safe_load(text), command=["run", "--config", str(mounted), "--watch"],
        environment={"SLUICE_ADMIN_TOKEN": "a-token"})
    publish("..second", text.replace("name: app\n    origins", "name: renamed\n    origins"))

    def routes():
        status, _, body = running.admin("/stats", headers={"Authorization": "Bearer a-token"})
        assert status == 200
        return json.loads(body)["routes"].keys()

    running.wait_for_output(lambda line: "configuration reloaded" in line, "the change to be loaded")
    assert routes() == {"renamed"}


def test_the_times_fit(pod, container, configuration):
    drain = yaml.safe_load(configuration)["drain"]
    delay, timeout, spread = (seconds(drain[key]) for key in ("delay", "timeout", "spread"))
    hook = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < hook < delay, "the gateway would tell the balancers that poll it too late"
    assert pod["terminationGracePeriodSeconds"] >= hook + delay + timeout + 10, "the kubelet would kill a drain"
    assert spread < timeout, "the last WebSockets would be cut"
    ready = container["readinessProbe"]
    assert ready["httpGet"]["path"] == "/readyz"
    assert delay >= ready["periodSeconds"] * ready["failureThreshold"] + 5, "clients would still come to closed ports"
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == "/healthz", f"{probe}: /readyz fails while it drains"
    scaling = manifest("HorizontalPodAutoscaler")["spec"]["behavior"]["scaleDown"]["policies"]
    assert [(policy["type"], policy["value"]) for policy in scaling] == [("Pods", 1)]
    assert scaling[0]["periodSeconds"] > delay + timeout


def test_the_resources_fit(container, configuration):
    limits = yaml.safe_load(configuration)["limits"]
    resources = container["resources"]
    compression = size(limits["compression_memory"])
    needed = limits["max_connections"] * 6.6 * 1024 + compression
    assert size(resources["requests"]["memory"]) > needed
    assert size(resources["limits"]["memory"]) > 2 * needed
    assert limits["event_loops"] == int(resources["requests"]["cpu"])
    target = manifest("HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"]["target"]["averageValue"]
    assert int(target) < 0.8 * limits["max_connections"]
