"""`sluice demo` on the terminal: what it prints works, who may do what, and how each rule ends a WebSocket."""

import base64
import contextlib
import hashlib
import re
import signal
import socket
import ssl
import time

import httpx
import pytest
import websockets.exceptions
import websockets.sync.client

from demo import run_as_printed, talk_as_printed
from sluice import command


@pytest.fixture
def site(demo):
    """A client of HTTP that trusts the certificate by the path that the terminal shows."""
    with httpx.Client(base_url=demo.page, verify=trusting(demo), trust_env=False, timeout=10) as client:
        yield client


def trusting(demo):
    return ssl.create_default_context(cafile=demo.certificate)


def opened(demo, path, **options):
    return websockets.sync.client.connect(
        demo.socket_url(path), ssl=trusting(demo), proxy=None, max_size=None, ping_interval=None, **options)


# What the terminal says


def test_every_command_works_as_printed(demo):
    commands = demo.lines_after("Type")
    curl, python, websocat, stats, top = commands
    page = run_as_printed(f"{curl} --silent --show-error --noproxy '*'")
    assert page.returncode == 0 and "<title>Sluice demo</title>" in page.stdout, page
    unverified = run_as_printed(f"curl --silent --show-error --noproxy '*' {demo.page}/")
    assert unverified.returncode == 60, "expected that nothing else makes the certificate valid"
    assert "< through the demo" in talk_as_printed(python, "through the demo", until="< through the demo")
    assert websocat.startswith(f"SSL_CERT_FILE={demo.certificate} websocat wss://localhost:"), websocat
    figures = run_as_printed(f"{stats} --silent --noproxy '*'")
    assert '"routes"' in figures.stdout, figures
    live = command(*top.split()[1:])
    assert live.returncode == 0 and "backend" in live.stdout, live


def test_it_names_the_page_and_the_dashboard(demo, site):
    [page, beside, admin] = [line.split()[0] for line in demo.lines_after("Open")]
    assert page == f"{demo.page}/" and beside == f"{demo.page}/dashboard"
    assert "Sluice demo" in site.get("/").text
    assert "<title>Sluice</title>" in site.get("/dashboard").text
    assert "<title>Sluice</title>" in httpx.get(admin, trust_env=False).text


def test_a_port_that_is_taken_is_named_with_its_option():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option, other in (("--port", "--admin-port"), ("--admin-port", "--port")):
            refused = command("demo", option, port, other, 0)
            assert refused.returncode == 3, refused
            assert f"port {port} of 127.0.0.1" in refused.stderr and f"{option} 0" in refused.stderr, refused.stderr
            assert refused.stderr.count("\n") == 1, refused.stderr


@pytest.mark.parametrize("arguments, words", [
    (["--port", "9000", "--admin-port", "9000"], "two different ports"),
    (["--listen", "127.0.0.1:9000"], "--port sets the port"),
    (["--listen", "no such name"], "expected a name or an IP address"),
    (["--port", "65536"], "expected 0 to 65535"),
])
def test_wrong_usage_says_what_was_expected(arguments, words):
    refused = command("demo", *arguments)
    assert refused.returncode == 2 and words in refused.stderr, refused


def test_an_address_of_another_machine_is_refused_in_words():
    refused = command("demo", "--port", 0, "--admin-port", 0, "--listen", "198.51.100.7")
    assert refused.returncode == 3 and "no interface of this machine has the address" in refused.stderr, refused


def test_it_removes_its_files_and_ends_soon_while_a_page_watches(another_demo):
    running = another_demo()
    with httpx.Client(base_url=running.page, verify=trusting(running), trust_env=False, timeout=10) as client:
        with client.stream("GET", "/live") as live, opened(running, "/echo") as echo:
            assert live.status_code == 200
            began = time.monotonic()
            running.signal(signal.SIGINT)
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                echo.recv(timeout=10)
            assert echo.close_code == 1012
            assert running.wait(10) == 0
            assert time.monotonic() - began < 8
    with pytest.raises(FileNotFoundError):
        open(running.certificate)


# Other machines


def test_other_machines_reach_it_with_a_certificate_and_a_token(another_demo):
    running = another_demo("--listen", "0.0.0.0")
    others = [line.rstrip("/") for line in running.lines_after("Open on other machines")]
    assert others, "expected an address of this machine or its name"
    [token] = running.lines_after("Other machines reach this demo")
    reached = 0
    for origin in [running.page, *others]:
        with httpx.Client(base_url=origin, verify=trusting(running), trust_env=False, timeout=10) as client:
            try:
                page = client.get("/")
            except httpx.ConnectError as error:
                # Nothing resolves the name of this machine. A certificate that does not fit would be another error.
                assert re.search("[a-z]", origin.split("//")[1]) and "CERTIFICATE" not in str(error), (origin, error)
                continue
            reached += 1
            assert page.status_code == 200
            for path in ("/stats", "/live", "/connections"):
                assert client.get(path).status_code == 401, path
            assert 'name="token"' in client.get("/dashboard").text
            assert client.post("/drain", headers={"Origin": origin}).status_code == 401
            assert client.get("/stats", headers={"Authorization": f"Bearer {token}"}).status_code == 200
            with websockets.sync.client.connect(
                    origin.replace("https", "wss") + "/echo", ssl=trusting(running), proxy=None, origin=origin) as echo:
                echo.send("hello from afar")
                assert echo.recv(timeout=10) == "hello from afar"
    assert reached >= 2, f"expected one of {others} to be reached"
    [curl, top] = running.lines_after("Type")[-2:]
    assert '"routes"' in run_as_printed(f"{curl} --silent --noproxy '*'").stdout
    assert token not in curl + top, "expected a file, as other users see the arguments of programs"
    # The log of the gateway does not have it; the instructions do, once.
    assert "\n".join(running.output).count(token) == 1


def test_a_session_of_the_dashboard_unlocks_the_page(another_demo):
    running = another_demo("--listen", "0.0.0.0")
    [token] = running.lines_after("Other machines reach this demo")
    own = {"Origin": running.page}
    with httpx.Client(base_url=running.page, verify=trusting(running), trust_env=False, timeout=10) as client:
        assert client.post("/login", data={"token": "wrong"}, headers=own).status_code == 401
        entered = client.post("/login", data={"token": token}, headers=own)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        assert "Secure" in entered.headers["set-cookie"] and "HttpOnly" in entered.headers["set-cookie"]
        stats = client.get("/stats").json()
        server = next(iter(stats["upstreams"]["backend"]["servers"]))
        path = f"/upstreams/backend/servers/{server.replace(':', '%3A')}"
        assert client.post(f"{path}/drain", headers={"Origin": "https://evil.example"}).status_code == 403
        assert client.post(f"{path}/drain", headers=own).status_code == 202
        assert client.get("/stats").json()["upstreams"]["backend"]["servers"][server]["state"] == "draining"


# The dashboard beside the page


def test_only_pages_of_the_same_origin_show_the_dashboard_in_a_frame(demo, site):
    beside = site.get("/dashboard")
    policy = beside.headers.get_list("content-security-policy")
    assert len(policy) == 1 and "frame-ancestors 'self'" in policy[0], policy
    script = re.search(r"<script[^>]*>(.*)</script>", beside.text, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[0]
    admin = httpx.get(f"http://{demo.addresses['admin']}/", trust_env=False)
    assert "frame-ancestors 'none'" in admin.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in site.get("/").headers["content-security-policy"]


def test_pages_of_other_origins_can_change_nothing(site):
    for path in ("/drain", "/reload", "/upstreams/backend/rebalance"):
        assert site.post(path, headers={"Origin": "https://evil.example"}).status_code == 403, path
    assert site.get("/readyz").status_code == 200


# The rules


@pytest.mark.parametrize("path, message, code, reason", [
    ("/limit/size", "x" * 4096, 1009, "limit 1024"),
    ("/limit/ratio", "0" * 1_048_576, 1009, "limit 20"),
    ("/limit/idle", None, 1001, "idle"),
    ("/fault/text", "now", 1001, "the other side broke a rule"),
    ("/fault/frame", "now", 1001, "the other side broke a rule"),
    ("/fault/end", "now", 1011, "inside a message"),
])
def test_each_rule_ends_with_its_close(demo, path, message, code, reason):
    with opened(demo, path) as client:
        if message is not None:
            client.send(message)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            client.recv(timeout=15)
        assert client.close_code == code and reason in client.close_reason, (client.close_code, client.close_reason)


def test_one_address_has_three_places_on_the_route_with_a_cap(demo):
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(opened(demo, "/limit/connections"))
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            held.enter_context(opened(demo, "/limit/connections"))
        assert refused.value.response.status_code == 503
        assert b"close one first" in refused.value.response.body


def test_a_guest_is_told_its_name_and_meets_those_on_the_other_server(demo):
    # Two WebSockets of an otherwise empty upstream: the least loaded server gets each.
    with opened(demo, "/chat") as first, opened(demo, "/chat") as second:
        names = [re.search('"you":"(guest-[0-9]+)"', client.recv(timeout=10)).group(1) for client in (first, second)]
        assert names[0] != names[1]
        assert f"{names[1]} joined" in first.recv(timeout=10)
        servers = [s["active"] for s in demo.stats()["upstreams"]["backend"]["servers"].values()]
        assert servers == [1, 1], servers
        second.send("good morning")
        for client in (first, second):
            assert client.recv(timeout=10) == f'{{"from":"{names[1]}","text":"good morning"}}'
