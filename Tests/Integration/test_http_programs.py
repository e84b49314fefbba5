"""Plain requests of programs that others have written: curl, nghttp and h2load before the gateway, nginx behind it."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from http_pairs import Reply, origin  # noqa: F401
from products import haproxy
from sluice import configuration, proxied
from test_nghttp import run, url

VERSIONS = {"http/1.0": "--http1.0", "http/1.1": "--http1.1", "h2": "--http2-prior-knowledge"}
SIZE = 3_000_000


def digest(request):
    return Reply(json.dumps({
        "method": request.method, "size": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest(),
        "expect": request.get("expect")}).encode())


@pytest.fixture
def curl(authority):
    def call(*arguments):
        return run("curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--cacert", authority.file,
                   *arguments)
    return call


@pytest.mark.parametrize("option", ["--http1.1", "--http2"])
def test_curl_reads_an_answer_that_comes_before_its_request_is_through(  # noqa: F811
        gateway, origin, both_listeners, curl, tmp_path, option):
    server = origin("h1", digest)
    file = tmp_path / "content"
    file.write_bytes(bytes(SIZE))
    running = gateway(proxied(server.address, max_body_size="100KiB", sections={"listeners": both_listeners}))
    for _ in range(5):
        status = curl(option, "--header", "Expect:", "--request", "POST", "--header", "Transfer-Encoding: chunked",
                      "--data-binary", f"@{file}", "--output", tmp_path / "answer", "--write-out", "%{http_code}",
                      url(running, "tls", "/up"))
        assert status.strip() == "413"


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("back", ["h1", "h2"])
def test_curl_uploads_and_downloads(  # noqa: F811
        gateway, origin, both_listeners, curl, tmp_path, listener, version, back):
    content = bytes(range(256)) * (SIZE // 256)
    file = tmp_path / "content"
    file.write_bytes(content)
    server = origin(back, lambda request: Reply(content) if request.target == "/file" else digest(request))
    protocol = {"protocol": "h2"} if back == "h2" else {}
    running = gateway(proxied(server.address, upstream=protocol, sections={"listeners": both_listeners}))
    option = "--http2" if version == "h2" and listener == "tls" else VERSIONS[version]
    address = url(running, listener, "")
    expected = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    # With its length, and Expect: 100-continue.
    got = json.loads(curl(option, "--upload-file", file, f"{address}/up"))
    assert got == {**expected, "method": "PUT", "expect": got["expect"]}
    if version != "http/1.0":
        # In chunks, or in frames without a length.
        got = json.loads(curl(option, "--request", "POST", "--header", "Transfer-Encoding: chunked",
                              "--data-binary", f"@{file}", f"{address}/up"))
        assert got == {**expected, "method": "POST", "expect": got["expect"]}
    # Three in one run, over one connection; with prior knowledge this curl would break off before the second.
    times = 1 if option == "--http2-prior-knowledge" else 3
    target = tmp_path / "got"
    output = curl(option, *["--output", target, f"{address}/file"] * times, "--write-out", "%{num_connects} ")
    assert target.read_bytes() == content
    assert output.split() == (["1", "1", "1"] if version == "http/1.0" else ["1", "0", "0"])[:times]
    head = curl(option, "--head", f"{address}/file")
    assert re.search(rf"content-length: {len(content)}", head, re.IGNORECASE), head


@pytest.mark.parametrize("back", ["h1", "h2"])
def test_nghttp_posts_with_padding_and_trailers(gateway, origin, tmp_path, back):  # noqa: F811
    file = tmp_path / "content"
    file.write_bytes(b"x" * 100_000)
    server = origin(back, digest)
    running = gateway(proxied(server.address, upstream={"protocol": "h2"} if back == "h2" else {}))
    output = run("nghttp", "--padding=50", "--trailer=x-sum: 1", f"--data={file}", url(running, "plain", "/up"))
    assert json.loads(output)["size"] == 100_000
    # Its content-length goes on, and behind a body with that there is no place for trailers in HTTP/1.1.
    assert server.requests[-1].trailer == ({"x-sum": "1"} if back == "h2" else {})


@pytest.mark.parametrize("back", ["h1", "h2"])
def test_h2load_gets_all_its_answers(gateway, origin, back):  # noqa: F811
    server = origin(back, lambda request: Reply(b"x" * 1000))
    running = gateway(proxied(server.address, upstream={"protocol": "h2"} if back == "h2" else {}))
    output = run("h2load", "--requests=600", "--clients=3", "--max-concurrent-streams=20", url(running, "plain", "/x"))
    assert re.search(r"600 succeeded, 0 failed, 0 errored", output), output
    assert len(server.requests) == 600
    over_http1 = run("h2load", "--h1", "--requests=300", "--clients=3", url(running, "plain", "/x"))
    assert re.search(r"300 succeeded, 0 failed, 0 errored", over_http1), over_http1


@pytest.fixture
def nginx(tmp_path):
    """The address of an nginx that serves a folder, and the folder."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    assert Path(program).exists(), "nginx is not installed: run scripts/prerequisites test"
    folder = tmp_path / "nginx"
    (folder / "site").mkdir(parents=True)
    file = folder / "nginx.conf"
    file.write_text(f"""
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 256;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen unix:{folder}/socket; root {folder}/site; keepalive_requests 3; }}
}}
""")
    process = subprocess.Popen([program, "-p", folder, "-c", file], stdin=subprocess.DEVNULL)
    yield f"unix:{folder}/socket", folder / "site"
    process.terminate()
    process.wait(10)


def test_files_of_nginx_with_ranges_and_validators(gateway, nginx, curl, tmp_path):
    """keepalive_requests 3: every third request meets a connection that nginx ends behind it."""
    address, site = nginx
    content = bytes(range(256)) * 4000
    (site / "file").write_bytes(content)
    running = gateway(proxied(address, upstream={"retries": 0}))
    target = url(running, "plain", "/file")
    got = tmp_path / "got"
    curl("--output", got, target)
    assert got.read_bytes() == content
    for option in ("--http1.1", "--http2-prior-knowledge"):
        curl(option, "--range", "1000-1999", "--output", got, target)
        assert got.read_bytes() == content[1000:2000]
        etag = re.search(r"etag: (\S+)", curl(option, "--head", target), re.IGNORECASE)[1]
        output = curl(
            option, "--header", f"If-None-Match: {etag}", "--write-out", "%{http_code}", "--output", "/dev/null",
            target)
        assert output == "304"
    codes = curl(*["--output", "/dev/null", target] * 10, "--write-out", "%{http_code} ")
    assert codes.split() == ["200"] * 10


@pytest.mark.parametrize("version", ["http/1.1", "h2"])
def test_haproxy_behind(gateway, origin, product, curl, tmp_path, version):  # noqa: F811
    server = origin("h1", digest)
    between = product(haproxy, tmp_path, server.address, bind="proto h2" if version == "h2" else "")
    running = gateway(proxied(between.address, upstream={"protocol": version}))
    file = tmp_path / "content"
    file.write_bytes(b"x" * 500_000)
    for option in ("--http1.1", "--http2-prior-knowledge"):
        got = json.loads(curl(option, "--upload-file", file, url(running, "plain", "/up")))
        assert got["size"] == 500_000


def test_haproxy_in_front(gateway, origin, product, curl, tmp_path):  # noqa: F811
    """It keeps its connections to the gateway for requests of others."""
    server = origin("h1", digest)
    running = gateway(configuration(
        {"name": "all", "upstream": "backend"},
        upstreams=[{"name": "backend", "servers": [{"address": server.address}]}]))
    between = product(haproxy, tmp_path, running.addresses["plain"])
    for number in range(5):
        assert json.loads(curl("--data", "x" * number, f"http://{between.address}/"))["size"] == number
