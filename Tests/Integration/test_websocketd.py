"""websocketd, which makes servers of scripts: behind the gateway, as its own documentation shows it."""

import pytest

from conversation import check_gone, over
from programs import websocketd
from sluice import configuration

WAYS = ["direct", "sluice"]
COUNT = """#!/bin/sh
for number in 1 2 3 4 5 6 7 8 9 10; do
  echo $number
done
"""
GREETER = """#!/bin/sh
while read name; do
  echo "Hello, $name!"
done
"""
TELL = """#!/bin/sh
echo "$REQUEST_URI $QUERY_STRING $SERVER_NAME:$SERVER_PORT $HTTP_X_FORWARDED_PROTO $HTTP_ORIGIN"
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    directory = tmp_path_factory.mktemp("scripts")
    pages = tmp_path_factory.mktemp("pages")
    (pages / "index.html").write_text("<!doctype html><title>Scripts</title>")
    for name, script in (("count", COUNT), ("greeter", GREETER), ("tell", TELL)):
        (directory / f"{name}.sh").write_text(script)
        (directory / f"{name}.sh").chmod(0o755)
    started = [websocketd("--dir", directory, "--staticdir", pages).begin() for _ in range(2)]
    yield [server.wait() for server in started]
    for server in started:
        print(server.output()[-4000:])
        server.stop()


@pytest.fixture
def open_script(gateway, servers, site, connect, trusting):
    """`open_script(way, name)` is a WebSocket to a script. `.gateway`: what it leads through, once there is one."""
    def begin(way, path):
        if way == "direct":
            return connect(f"ws://{servers[0].address}{path}", origin="https://example.com")
        begin.gateway = begin.gateway or gateway(configuration(
            {"name": "scripts", "match": {"path_prefix": "/scripts"}, "rewrite": {"strip_prefix": "/scripts"},
             "upstream": "scripts"},
            upstreams=[{"name": "scripts", "servers": [{"address": server.address} for server in servers]}],
            listeners=[{"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [site.setting]}}]))
        return connect(
            begin.gateway.url(f"/scripts{path}", "tls", "wss", "localhost"), ssl=trusting, origin="https://example.com")

    begin.gateway = None
    return begin


@pytest.mark.parametrize("way", WAYS)
def test_a_script_that_counts_and_ends(open_script, way):
    client = open_script(way, "/count.sh")
    assert [client.recv(timeout=10) for _ in range(10)] == [str(number) for number in range(1, 11)]
    # It ends the connection, and says no Close before.
    check_gone(client, 1006)


@pytest.mark.parametrize("way", WAYS)
def test_a_script_that_greets(open_script, way):
    clients = [open_script(way, "/greeter.sh") for _ in range(4)]
    for number, client in enumerate(clients):
        for name in (f"number {number}", "κόσμε"):
            client.send(name)
            assert client.recv(timeout=10) == f"Hello, {name}!"
    if way == "sluice":
        servers = open_script.gateway.stats()["upstreams"]["scripts"]["servers"]
        assert [server["active"] for server in servers.values()] == [2, 2]
        for client in clients:
            client.close()
        over(open_script.gateway)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_script_is_told(open_script, way):
    client = open_script(way, "/tell.sh?a=b%20c")
    host = client.request.headers["Host"]
    told = client.recv(timeout=10).split(" ")
    assert told == ["/tell.sh?a=b%20c", "a=b%20c", host, "" if way == "direct" else "https", "https://example.com"]


@pytest.mark.parametrize("way", WAYS)
def test_its_pages(open_script, servers, http_client, way):
    open_script(way, "/count.sh").close()
    url = f"http://{servers[0].address}"
    if way == "sluice":
        url = open_script.gateway.url("/scripts", "tls", "https", "localhost")
    client = http_client(url)
    page = client.get("/")
    assert (page.status_code, "<title>Scripts</title>" in page.text) == (200, True)
    again = client.get("/", headers={"If-Modified-Since": page.headers["last-modified"]})
    assert again.status_code == 304
    assert client.get("/nothing.sh").status_code == 404
