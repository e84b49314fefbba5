"""nginx and HAProxy in front of the gateway, as they often are, and behind it."""

import shutil
import subprocess

import pytest
import websockets.sync.client

from raw import RawServer
from sluice import proxied
from test_refusals import closed_port
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
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://{target};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
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
            address = closed_port()
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


def test_the_502_of_a_proxy_behind_passes_whole(gateway, proxy, wire):
    dead = RawServer()
    address = proxy("nginx", dead.address)
    dead.close()
    running = gateway(proxied(address))
    response = wire.request(running)
    assert response.status == 502
    assert b"nginx" in response.body
