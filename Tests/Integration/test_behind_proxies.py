"""nginx and HAProxy in front of the gateway, as they often are, and behind it."""

import hashlib
import json
import os
import shutil
import subprocess

import pytest
import websockets.sync.client

from changes import free_address
from programs import pages
from raw import RawServer
from sluice import proxied
from waiting import eventually

TRUSTING = {"listeners": [{"name": "plain", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.1"]}]}


def nginx(directory, port, target):
    (directory / "nginx.conf").write_text(f"""
daemon off; pid {directory}/nginx.pid; error_log stderr warn; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  map $http_upgrade $nominees {{ default upgrade; "" ""; }}
  upstream back {{ server {target}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{
      proxy_pass http://back;
      proxy_http_version 1.1;
      proxy_buffering off; proxy_request_buffering off;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $nominees;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
""")
    return ["nginx", "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", "stderr"]


def haproxy(directory, port, target):
    (directory / "haproxy.cfg").write_text(f"""
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
  timeout tunnel 1m
  option abortonclose
frontend front
  bind 127.0.0.1:{port}
  option forwardfor
  default_backend back
backend back
  server one {target}
""")
    return ["haproxy", "-db", "-f", str(directory / "haproxy.cfg")]


PROXIES = {"nginx": nginx, "haproxy": haproxy}


@pytest.fixture
def proxy(tmp_path):
    """`proxy(name, target)` starts one in front of `target` and returns its address."""
    started = []

    def start(name, target):
        if shutil.which(name) is None:
            pytest.fail(f"{name} is not installed: run scripts/prerequisites test")
        for _ in range(3):  # neither can tell which free port it took, and another process may be quicker
            address = free_address()
            process = subprocess.Popen(
                PROXIES[name](tmp_path, address.rsplit(":", 1)[1], target), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            started.append(process)
            if eventually(lambda: listening(address) or process.poll() is not None, f"{name} to listen") is True \
                    and process.poll() is None:
                return address
        raise AssertionError(f"{name} did not start: {process.stderr.read()}")

    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        process.stderr.close()


def listening(address):
    import socket

    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 1).close()
        return True
    except OSError:
        return False


def talk(address):
    with websockets.sync.client.connect(f"ws://{address}/x?y=%20z", proxy=None, max_size=None) as client:
        for message in ("", "Hello", b"\x00\xff", " ".join(map(str, range(50_000)))):
            client.send(message)
            assert client.recv(timeout=10) == message
        return [extension.name for extension in client.protocol.extensions]


@pytest.mark.parametrize("name", PROXIES)
def test_in_front_of_the_gateway(gateway, backend, proxy, name):
    server = backend()
    running = gateway(proxied(server.address, sections=TRUSTING))
    assert talk(proxy(name, f"127.0.0.1:{running.port()}")) == ["permessage-deflate"]
    assert server.requests[-1][0] == "/x?y=%20z"
    hops = [hop.strip() for hop in server.last_fields["x-forwarded-for"].split(",")]
    assert hops == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize("name", PROXIES)
def test_behind_the_gateway(gateway, backend, proxy, name):
    server = backend()
    running = gateway(proxied(proxy(name, server.address)))
    assert talk(f"127.0.0.1:{running.port()}") == ["permessage-deflate"]
    assert server.requests[-1][0] == "/x?y=%20z"


@pytest.fixture(scope="module")
def site_server():
    server = pages("the server").start()
    yield server
    print(server.output()[-4000:])
    server.stop()


def browse(client):
    """What pages do, on one connection: a page, a form, cookies, an upload, events at once, a conditional request."""
    page = client.get("/")
    assert (page.status_code, page.headers["x-server"]) == (200, "the server")
    data = os.urandom(3_000_000)
    for content in (data, (data[start : start + 50_000] for start in range(0, len(data), 50_000))):
        answer = client.post("/upload", content=content).json()
        assert (answer["size"], answer["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert client.get("/large?size=4194304").content == bytes(range(256)) * 16384
    head = client.head("/large?size=4194304")
    assert (head.headers["content-length"], head.content) == ("4194304", b"")
    assert client.post("/login", data={"name": "somebody"}).headers["location"] == "/home"
    assert "Hello somebody, your colour is blue; and green" in client.get("/home").text
    script = client.get("/socket.io.min.js")
    again = client.get("/socket.io.min.js", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    name = f"reader-{id(client)}"
    with client.stream("GET", f"/events?name={name}", headers={"Last-Event-ID": "7"}) as events:
        lines = (line for line in events.iter_lines() if line.startswith("data: "))
        assert json.loads(next(lines).removeprefix("data: "))["last"] == "7"
        for number in range(3):
            assert client.post(f"/say?name={name}", content=f"event {number}").status_code == 204
            assert next(lines) == f"data: event {number}"
    if page.http_version != "HTTP/2":  # where httpx resets no stream that it does not read to its end
        eventually(lambda: name not in client.get("/state").json()["streams"], "the server to see its reader gone")


@pytest.mark.parametrize("name", PROXIES)
def test_pages_with_a_proxy_in_front(gateway, site_server, proxy, http_client, name):
    running = gateway(proxied(site_server.address, sections=TRUSTING))
    browse(http_client(f"http://{proxy(name, f'127.0.0.1:{running.port()}')}"))
    requests = running.route()["requests"]
    assert requests["statuses"]["5xx"] == 0
    assert requests["total"] >= 14


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("version", ["http/1.1", "h2"])
def test_pages_with_a_proxy_behind(gateway, site_server, proxy, http_client, both_listeners, name, version):
    running = gateway(proxied(proxy(name, site_server.address), sections={"listeners": both_listeners}))
    browse(http_client(running.url("/", "tls", "https", "localhost"), version))
    assert running.route()["requests"]["statuses"]["5xx"] == 0


def test_pages_between_two_proxies(gateway, site_server, proxy, http_client):
    """nginx, the gateway, HAProxy, the server: each with connections of its own that it uses again."""
    running = gateway(proxied(proxy("haproxy", site_server.address), sections=TRUSTING))
    front = proxy("nginx", f"127.0.0.1:{running.port()}")
    browse(http_client(f"http://{front}"))
    with websockets.sync.client.connect(f"ws://{front}/socket", proxy=None, max_size=None) as client:
        client.send("Hello")
        assert client.recv(timeout=10) == "Hello"


def test_the_502_of_a_proxy_behind_passes_whole(gateway, proxy, wire):
    dead = RawServer()
    address = proxy("nginx", dead.address)
    dead.close()
    running = gateway(proxied(address))
    response = wire.request(running)
    assert response.status == 502
    assert b"nginx" in response.body
