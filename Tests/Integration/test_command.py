"""Commands as servers: routes whose WebSockets have a process each."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import websockets
import websockets.sync.client
import yaml

from hixie import HixieClient
from raw import CLOSE, DEADLINE, PING, PONG, TEXT, Ended
from sluice import REPOSITORY, PeakMemory, command, configuration
from test_refusals import check_refusal
from waiting import eventually

ECHO = ["sh", "-c", 'while IFS= read -r line; do printf "%s\\n" "$line"; done']
FLOOD = [sys.executable, "-u", "-c", "import itertools\nfor i in itertools.count(): print(i, 'x' * 200)"]


def commands(run, *, name="all", match=None, framing=None, sections=None, directory=None, kill_after=None, user=None,
             environment=None, **route):
    """A configuration with one route, `all`, to a command."""
    options = {
        key: value for key, value in {
            "framing": framing, "directory": directory and str(directory), "kill_after": kill_after, "user": user,
            "environment": environment}.items() if value is not None}
    return configuration(
        {"name": name, **({"match": match} if match else {}),
         "command": {"run": run, **options} if options else run, **route}, **(sections or {}))


def shell(script):
    return ["sh", "-c", script]


def program(text):
    return [sys.executable, "-u", "-c", text]


def rest(client):
    """What still comes, and the code and reason of the Close behind it (None: there was none)."""
    messages = []
    try:
        while True:
            messages.append(client.recv(timeout=DEADLINE))
    except websockets.ConnectionClosed as end:
        return messages, end.rcvd and (end.rcvd.code, end.rcvd.reason)


def read_text(peer):
    opcode, payload, _ = peer.read_message()
    assert opcode == TEXT
    return payload.decode()


def warmed_up(gateway, path="/", **options):
    """The gateway's descriptors once a command has run and ended: what starts them has some of its own."""
    with websockets.sync.client.connect(gateway.url(path), proxy=None, **options):
        pass
    eventually(lambda: not children(gateway), "the first command to end")
    gateway.eventually(lambda stats: stats["transports"]["active"] == 0, "its client to be gone")
    # Those of its pipes, and of the connection to the admin endpoint.
    return eventually(stands_still(lambda: descriptors(gateway)), "its descriptors to be closed")


def is_alive(pid):
    """Whether a process runs: one that waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# A sanitizer starts it when it first has something to look up, and keeps it.
SYMBOLIZER = "llvm-symbolizer"


def children(gateway):
    """The gateway's own children, those that wait to be buried as well."""
    return [pid for pid, name in all_children(gateway) if name != SYMBOLIZER]


def all_children(gateway):
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            name, fields = (entry / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            if int(fields.split()[1]) == gateway.process.pid:
                yield int(entry.name), name


def files_of(pid):
    """What its descriptors stand for."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            yield os.readlink(entry)


def descriptors(gateway):
    sanitizers = {file for pid, name in all_children(gateway) if name == SYMBOLIZER for file in files_of(pid)}
    return sum(file not in sanitizers for file in files_of(gateway.process.pid))


def written_by(pid):
    """Bytes that a process has written so far."""
    return int(Path(f"/proc/{pid}/io").read_text().split("wchar:")[1].split()[0])


def stands_still(count, seconds=0.5):
    """A check that gives a count once it has not changed for so long, and is not 0."""
    last, since = 0, time.monotonic()

    def check():
        nonlocal last, since
        now = count()
        if now != last:
            last, since = now, time.monotonic()
        return last if time.monotonic() - since >= seconds else 0

    return check


def counts(gateway, route="all"):
    return gateway.route(route)["commands"]


def closed_line(gateway):
    gateway.wait_for_output(lambda line: "connection closed" in line, "the end of the WebSocket in the log")
    return [line for line in gateway.log() if line["message"] == "connection closed"]


# Messages


def test_a_line_is_a_message(gateway, connect):
    running = gateway(commands(ECHO))
    client = connect(running.url("/"))
    for message in ("hello", "", "héllo \U0001F600", "x" * 200_000, " a\tb ", "tail\r!"):
        client.send(message)
        assert client.recv(timeout=DEADLINE) == message
    client.send(["in ", "three ", "fragments"])
    assert client.recv(timeout=DEADLINE) == "in three fragments"
    assert running.route()["messages"]["to_client"] == {"text": 7, "binary": 0}
    assert running.route()["compression"]["active"] == 1


def test_over_http2_too(gateway, http2_link):
    running = gateway(commands(ECHO))
    link = http2_link(running)
    for _ in range(2):
        stream = link.stream().open("/")
        stream.send_frame(TEXT, b"over h2")
        assert read_text(stream) == "over h2"
    assert counts(running)["running"] == 2
    assert running.route()["protocols"] == {"client": {"h2": 2, "http/1.1": 0}, "server": {"h2": 0, "http/1.1": 0}}


def test_for_a_browser_of_before_rfc_6455(gateway, wire):
    running = gateway(commands(ECHO, legacy_versions=["hixie-76"]))
    client = HixieClient(wire.connect(running))
    client.open("/")
    client.send("old")
    assert client.read() == "old"


@pytest.mark.parametrize("compression", ["deflate", None])
def test_any_bytes_are_a_message_with_lengths(gateway, connect, compression):
    running = gateway(commands(["cat"], framing="binary"))
    client = connect(running.url("/"), compression=compression)
    for message in (b"\x00\n\xff", b"", os.urandom(300_000), [b"in ", b"frag", b"ments"]):
        client.send(message)
        assert client.recv(timeout=DEADLINE) == (message if isinstance(message, bytes) else b"".join(message))
    # Text comes as its bytes.
    client.send("é\n")
    assert client.recv(timeout=DEADLINE) == "é\n".encode()


@pytest.mark.parametrize(("output", "messages", "close"), [
    (r"a\nb\n", ["a", "b"], (1000, "")),
    (r"a\r\nb\rc\n\n", ["a", "b\rc", ""], (1000, "")),
    (r"no end", ["no end"], (1000, "")),
    (r"", [], (1000, "")),
])
def test_all_that_was_written_comes_before_the_close(gateway, connect, output, messages, close):
    client = connect(gateway(commands(["printf", output] if output else ["true"])).url("/"))
    assert rest(client) == (messages, close)


def test_a_message_that_is_shorter_than_its_length_is_a_failure(gateway, connect):
    client = connect(gateway(commands(["printf", r"\000\000\000\003ab"], framing="binary")).url("/"))
    assert rest(client) == ([], (1011, "the command ended inside a message"))


@pytest.mark.parametrize(("message", "close"), [
    ("a\nb", (1007, "expected a message that fits in one line, found a line feed in it")),
    (b"ab", (1003, "expected a text message, found a binary one")),
])
def test_what_is_no_line_is_refused(gateway, connect, tmp_path, message, close):
    running = gateway(commands(shell("cat > got"), directory=tmp_path))
    client = connect(running.url("/"))
    client.send("fine")
    client.send(message)
    client.send("never read")
    assert rest(client) == ([], close)
    eventually(lambda: not children(running), "the command to end")
    assert (tmp_path / "got").read_text() == "fine\n"


def test_output_that_is_no_text_ends_the_connection(gateway, connect):
    running = gateway(commands(["printf", r"fine\n\377\n"]))
    assert rest(connect(running.url("/"))) == (["fine"], (1001, "the other side broke a rule"))
    assert closed_line(running)[0]["code"] == 1007


def test_a_line_is_no_longer_than_a_message_may_be(gateway, connect):
    running = gateway(commands(program("print('ok'); print('x' * 10_000_000)"), max_message_size="64KiB"))
    with PeakMemory(running) as memory:
        messages, close = rest(connect(running.url("/")))
    assert messages == ["ok"]
    assert close[0] == 1001
    assert closed_line(running)[0]["code"] == 1009
    assert memory.growth < 8 << 20
    eventually(lambda: not children(running), "the command to end")


def test_a_message_of_the_client_is_no_longer_either(gateway, connect):
    running = gateway(commands(ECHO, max_message_size="64KiB"))
    client = connect(running.url("/"), compression=None)
    client.send("x" * 65536)
    assert len(client.recv(timeout=DEADLINE)) == 65536
    client.send("x" * 65537)
    assert rest(client)[1][0] == 1009


def test_pings_are_answered_by_the_gateway(gateway, wire):
    client = wire.open(gateway(commands(["sleep", "1000"], kill_after="0s")))
    client.send_frame(PING, b"there?")
    frame = client.read_frame()
    assert (frame.opcode, frame.payload) == (PONG, b"there?")


# Backpressure


def test_a_client_that_does_not_read_stops_the_command(gateway, wire):
    running = gateway(commands(FLOOD, ping_interval="0s"))
    with PeakMemory(running) as memory:
        client = wire.open(running)
        pid = eventually(lambda: children(running), "the command to run")[0]
        eventually(stands_still(lambda: written_by(pid)), "the command to wait for its reader")
    assert memory.growth < 16 << 20
    for number in range(20_000):
        assert read_text(client).startswith(f"{number} x")


def test_a_command_that_does_not_read_stops_the_client(gateway, wire, tmp_path):
    running = gateway(commands(
        shell("while [ ! -e go ]; do sleep 0.05; done; wc -lc"), directory=tmp_path, ping_interval="0s"))
    client = wire.open(running)
    frame = client.frame(TEXT, b"y" * 9999)
    client.sock.settimeout(1)
    sent = 0
    with PeakMemory(running) as memory, pytest.raises(TimeoutError):
        while sent < 100_000_000:
            sent += client.sock.send(frame[sent % len(frame):])
    assert sent < 50_000_000
    assert memory.growth < 16 << 20
    queue = running.admin("/connections")[2]
    assert b'"to_server":0' not in queue
    (tmp_path / "go").touch()
    client.sock.settimeout(DEADLINE)
    client.sock.sendall(frame[sent % len(frame):])
    sent += len(frame) - sent % len(frame)
    eventually(lambda: running.route()["messages"]["from_client"]["text"] == sent // len(frame), "all to be relayed")


def test_a_command_that_has_closed_its_input_goes_on_writing(gateway, connect, tmp_path):
    running = gateway(commands(
        shell("exec 0<&-; echo closed; while [ ! -e go ]; do sleep 0.05; done; echo more"), directory=tmp_path))
    client = connect(running.url("/"))
    assert client.recv(timeout=DEADLINE) == "closed"
    for _ in range(100):
        client.send("x" * 10_000)
    (tmp_path / "go").touch()
    assert rest(client) == (["more"], (1000, ""))


# The end


@pytest.mark.parametrize(("end", "close", "failed"), [
    ("exit 0", (1000, ""), 0),
    ("exit 3", (1011, "the command ended with status 3"), 1),
    ("kill -9 $$", (1011, "signal 9 ended the command"), 1),
])
def test_the_end_of_a_command_is_a_close(gateway, connect, end, close, failed):
    running = gateway(commands(shell(f"echo here; {end}")))
    assert rest(connect(running.url("/"))) == (["here"], close)
    running.eventually(
        lambda stats: stats["routes"]["all"]["commands"] == {
            "running": 0, "started_total": 1, "failed_total": failed}, "the command to be counted")
    assert running.route()["close_codes"]["server"] == {str(close[0]): 1}
    closed_line(running)
    if failed:
        running.wait_for_output(lambda line: "command failed" in line, "the failure in the log")
    warnings = [line for line in running.log() if line["message"] == "command failed"]
    assert [line["reason"] for line in warnings] == [close[1]] * failed
    assert not children(running)


def test_the_input_ends_with_the_connection(gateway, connect, tmp_path):
    running = gateway(commands(
        shell("trap 'echo term >> got; exit 1' TERM; cat >> got; echo end >> got"), directory=tmp_path))
    client = connect(running.url("/"))
    client.send("last words")
    client.close()
    eventually(lambda: not children(running), "the command to end")
    # It ended of its own accord, in the time that it has for it.
    assert (tmp_path / "got").read_text() == "last words\nend\n"
    assert counts(running)["failed_total"] == 0


@pytest.mark.parametrize("leave", ["close", "reset", "eof"])
def test_a_command_that_waits_for_nothing_gets_sigterm(gateway, wire, tmp_path, leave):
    running = gateway(commands(
        shell("trap 'echo term > got; exit 1' TERM; echo up; while :; do sleep 0.05; done"), directory=tmp_path))
    client = wire.open(running)
    assert read_text(client) == "up"
    match leave:
        case "close":
            client.send_close(1000)
            assert client.expect_close() == (1000, "")
        case "reset":
            client.reset()
        case "eof":
            client.finish_sending()
    eventually(lambda: not children(running), "the command to end")
    assert (tmp_path / "got").read_text() == "term\n"
    # Who is ended does not fail.
    assert counts(running) == {"running": 0, "started_total": 1, "failed_total": 0}


def test_all_that_a_command_has_started_ends_with_it(gateway, connect):
    running = gateway(commands(
        shell("trap '' TERM; sleep 1000 & echo $!; (sleep 1001; :) & echo $!; echo $$; while :; do sleep 1; done"),
        kill_after="200ms"))
    before = warmed_up(running)
    client = connect(running.url("/"))
    pids = [client.recv(timeout=DEADLINE) for _ in range(3)]
    assert all(map(is_alive, pids))
    client.close()
    eventually(lambda: not any(map(is_alive, pids)), "all three processes to end")
    running.eventually(lambda stats: stats["routes"]["all"]["commands"]["running"] == 0, "none to be counted")
    eventually(lambda: not children(running), "none to be left to bury")
    eventually(lambda: descriptors(running) <= before, "its descriptors to be closed")


def test_what_a_command_leaves_behind_ends_with_it(gateway, connect):
    running = gateway(commands(shell("sleep 1000 & echo $!"), kill_after="200ms"))
    messages, close = rest(connect(running.url("/")))
    assert close == (1000, "")
    assert not is_alive(messages[0])


def test_who_has_left_the_group_is_not_waited_for(gateway, connect):
    running = gateway(commands(shell("setsid sleep 1000 & echo $!"), kill_after="200ms"))
    messages, close = rest(connect(running.url("/")))
    assert close == (1000, "")
    os.kill(int(messages[0]), signal.SIGKILL)


def test_no_descriptor_reaches_a_command(gateway, connect):
    running = gateway(commands(program("""
import os
for descriptor in range(3, 1000):
    try:
        os.fstat(descriptor)
        print(descriptor)
    except OSError:
        pass
""")))
    clients = [connect(running.url("/")) for _ in range(5)]
    for client in clients:
        assert rest(client) == ([], (1000, ""))


def test_an_idle_connection_ends_its_command(gateway, connect):
    running = gateway(commands(ECHO, idle_timeout="300ms"))
    client = connect(running.url("/"))
    client.send("once")
    assert rest(client) == (["once"], (1001, "connection was idle"))
    eventually(lambda: not children(running), "the command to end")


@pytest.mark.parametrize("signals", [1, 2])
def test_no_command_outlives_the_gateway(gateway, connect, signals):
    running = gateway(commands(
        shell("trap '' TERM; sleep 1000 & echo $!; echo $$; while :; do sleep 1; done"), kill_after="500ms",
        sections={"drain": {"timeout": "30s" if signals == 2 else "1s", "spread": "20s" if signals == 2 else "0s"}}))
    clients = [connect(running.url("/")) for _ in range(3)]
    pids = [client.recv(timeout=DEADLINE) for client in clients for _ in range(2)]
    running.signal(signal.SIGTERM)
    if signals == 2:
        running.wait_for_output(lambda line: "draining" in line, "the drain to begin")
        threading.Event().wait(0.6)  # a signal sooner than that is the same wish
        running.signal(signal.SIGTERM)
    assert running.wait() == 0
    eventually(lambda: not any(map(is_alive, pids)), "every process to end", timeout=2)
    if signals == 1:
        assert [rest(client)[1][0] for client in clients] == [1012] * 3


# Starts


def test_a_command_that_cannot_be_started_is_refused(gateway, wire, tmp_path):
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho fine\n")
    tool.chmod(0o755)
    running = gateway(commands([str(tool)]))
    before = warmed_up(running)
    assert read_text(wire.open(running)) == "fine"

    def failures():
        return [line for line in running.log() if line["message"] == "command could not be started"]

    for number, (break_it, reason) in enumerate((
        (lambda: tool.write_text("#!/no/such/interpreter\n"), "the system can't find or execute the program"),
        (lambda: tool.chmod(0o644), "the system can't find or execute the program"),
        (tool.unlink, "the system can't find or execute the program"),
    ), 1):
        break_it()
        response = wire.request(running)
        check_refusal(response, 502)
        assert response.body == b"the gateway could not start the program of this address\n"
        # The log has a thread of its own.
        eventually(lambda: len(failures()) == number, "the failure in the log")
        assert failures()[-1]["reason"] == reason
    assert counts(running)["failed_total"] == 3
    assert running.stats()["connections"]["rejected_total"] == {"command_failed": 3}
    eventually(lambda: descriptors(running) <= before, "its descriptors to be closed")


def test_a_folder_that_is_gone_is_a_failure_too(gateway, wire, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    running = gateway(commands(["pwd"], directory=folder))
    assert read_text(wire.open(running)) == str(folder)
    folder.rmdir()
    check_refusal(wire.request(running), 502)


def test_max_connections_caps_processes(gateway, connect, wire):
    running = gateway(commands(
        shell("trap '' TERM; echo up; while :; do sleep 0.1; done"), kill_after="1s", max_connections=1))
    client = connect(running.url("/"))
    assert client.recv(timeout=DEADLINE) == "up"
    check_refusal(wire.request(running), 503)
    client.close()
    # The process has not ended yet.
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "the WebSocket to be gone")
    assert counts(running)["running"] == 1
    check_refusal(wire.request(running), 503)
    running.eventually(lambda stats: stats["routes"]["all"]["commands"]["running"] == 0, "the process to be gone")
    assert connect(running.url("/")).recv(timeout=DEADLINE) == "up"


def test_many_at_once_leave_nothing_behind(gateway, connect):
    running = gateway(commands(["cat"]))
    before = warmed_up(running)
    for _ in range(3):
        clients = [connect(running.url("/")) for _ in range(20)]
        for number, client in enumerate(clients):
            client.send(str(number))
        assert [client.recv(timeout=DEADLINE) for client in clients] == [str(n) for n in range(20)]
        for client in clients:
            client.close()
    eventually(lambda: not children(running), "all to end")
    eventually(lambda: descriptors(running) <= before, "the descriptors to be closed")
    assert counts(running) == {"running": 0, "started_total": 61, "failed_total": 0}


def test_a_client_that_leaves_during_the_start_leaves_no_process(gateway, wire):
    running = gateway(commands(["cat"]))
    before = warmed_up(running)
    for _ in range(50):
        client = wire.connect(running)
        client.send_upgrade("/")
        client.reset()
    running.eventually(lambda stats: stats["transports"]["active"] == 0, "all clients to be gone")
    eventually(lambda: not children(running), "all to end")
    eventually(lambda: descriptors(running) <= before, "the descriptors to be closed")
    running.eventually(lambda stats: stats["routes"]["all"]["active"] == 0, "no WebSocket to be left")


def test_no_shell_looks_at_the_arguments(gateway, connect, tmp_path):
    arguments = ["$(touch hacked)", "`touch hacked`", "; touch hacked", "*", "a b", ""]
    running = gateway(commands(["printf", "<%s>\n", *arguments], directory=tmp_path))
    assert rest(connect(running.url("/")))[0] == [f"<{argument}>" for argument in arguments]
    assert not (tmp_path / "hacked").exists()


# What a command knows


def environment_of(client):
    return dict(line.split("=", 1) for line in rest(client)[0])


def test_the_environment_is_that_of_cgi(gateway, connect):
    running = gateway(
        commands(["env"], match={"path_prefix": "/tool"}, environment={"GREETING": "hi", "LANG": "de"},
                 request_headers={"set": {"X-Env": "prod"}, "remove": ["User-Agent"]}),
        environment={"SECRET": "hunter2", "TZ": "UTC"})
    known = environment_of(connect(
        running.url("/tool/a%20b?x=%31"), origin="https://example.com", additional_headers=[
            ("Cookie", "a=b"), ("Authorization", "Basic aHVudGVyMg=="), ("Proxy", "http://evil/"), ("X-Two", "1"),
            ("X-Two", "2"), ("X_Two", "3")]))
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "QUERY_STRING": "x=%31", "SCRIPT_NAME": "/tool",
        "PATH_INFO": "/a b", "REQUEST_URI": "/tool/a%20b?x=%31", "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(running.port()), "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": f"127.0.0.1:{running.port()}", "HTTP_ORIGIN": "https://example.com", "HTTP_COOKIE": "a=b",
        "HTTP_X_TWO": "1, 2", "HTTP_X_ENV": "prod", "HTTP_X_FORWARDED_FOR": "127.0.0.1", "GREETING": "hi",
        "LANG": "de", "TZ": "UTC", "PATH": os.environ["PATH"],
    }
    assert {name: known.get(name) for name in expected} == expected
    for name in known:
        assert not name.startswith(("HTTP_AUTHORIZATION", "HTTP_PROXY", "HTTP_USER_AGENT", "SECRET", "SLUICE")), name
    assert "hunter2" not in str(known)
    assert "HTTPS" not in known


def test_over_tls_and_http2_it_says_so(gateway, http2_link, both_listeners, trusting, connect):
    running = gateway(commands(["env"], sections={"listeners": both_listeners}))
    known = environment_of(connect(running.url("/", "tls", "wss", "localhost"), ssl=trusting))
    assert known["HTTPS"] == "on"
    assert known["SERVER_PORT"] == str(running.port("tls"))
    stream = http2_link(running).stream().open("/")
    messages = []
    with contextlib.suppress(Ended):
        while (frame := stream.read_frame()).opcode != CLOSE:
            messages.append(frame.payload.decode())
    known = dict(line.split("=", 1) for line in messages)
    assert known["SERVER_PROTOCOL"] == "HTTP/2.0"
    assert known["REQUEST_METHOD"] == "GET"


def test_a_subprotocol_of_the_route_is_agreed_on(gateway, connect):
    running = gateway(commands(["env"], match={"subprotocols": ["v2", "v1"]}))
    client = connect(running.url("/"), subprotocols=["other", "v1", "v2"])
    assert client.subprotocol == "v1"
    assert environment_of(client)["HTTP_SEC_WEBSOCKET_PROTOCOL"] == "v1"


def test_standard_error_goes_to_the_log(gateway, connect):
    running = gateway(commands(program("""
import sys
sys.stderr.write('trouble \\x1b[31m\\nlong ' + 'x' * 5000 + '\\n')
for i in range(1000): sys.stderr.write(f'{i}\\n')
sys.stderr.flush()
print('through')
sys.stderr.write('no end')
""")))
    assert rest(connect(running.url("/"))) == (["through"], (1000, ""))
    running.wait_for_output(lambda line: "left out" in line, "the log to say that lines are missing")
    entries = [line for line in running.log() if line["message"] == "command wrote to standard error"]
    assert entries[0]["line"].startswith("trouble ")
    assert "\x1b" not in "".join(running.output)
    assert len(entries[1]["line"]) == 2049
    assert 100 <= len(entries) < 200
    assert entries[0]["route"] == "all"
    assert entries[0]["request_id"] == closed_line(running)[0]["request_id"]
    left = [line for line in running.log() if line["message"] == "lines of a command's standard error left out"]
    assert len(entries) + sum(int(line["lines"]) for line in left) == 1003


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a command as somebody else")
def test_a_command_runs_as_another_user(gateway, connect):
    running = gateway(commands(["id"], user="nobody", directory="/"))
    messages, close = rest(connect(running.url("/")))
    assert close == (1000, "")
    assert messages[0].startswith("uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)"), messages
    assert "root" not in messages[0]


# What the gateway knows


def test_a_command_is_listed_and_closed_like_any_server(gateway, connect):
    running = gateway(commands(ECHO))
    client = connect(running.url("/"))
    client.send("one")
    client.recv(timeout=DEADLINE)
    _, _, body = running.admin("/connections?server=command:sh")
    (entry,) = yaml.safe_load(body)
    assert entry["server"] == "command:sh"
    assert entry["protocol"] == {"client": "http/1.1", "server": "command"}
    assert entry["messages"] == {"from_client": 1, "to_client": 1}
    assert yaml.safe_load(running.admin("/connections?server=command:other")[2]) == []
    assert running.admin(f"/connections/{entry['id']}?code=1008&reason=out", "DELETE")[0] == 202
    assert rest(client) == ([], (1008, "out"))
    line = closed_line(running)[0]
    assert (line["server"], line["server_protocol"], line["closed_by"]) == ("command:sh", "command", "gateway")
    metrics = running.admin("/metrics")[2].decode()
    assert 'sluice_commands_started_total{route="all"} 1' in metrics
    eventually(lambda: not children(running), "the command to end")


def test_a_reload_that_changes_the_command_ends_its_sockets(gateway, connect):
    running = gateway(commands(ECHO, on_change={"changed": "drain"}, max_connections=5))
    old = connect(running.url("/"))
    running.reload(commands(ECHO, on_change={"changed": "drain"}, max_connections=6))
    old.send("still here")
    assert old.recv(timeout=DEADLINE) == "still here"
    running.reload(commands(["echo", "new"], on_change={"changed": "drain"}))
    assert rest(old) == ([], (1012, "configuration changed"))
    assert rest(connect(running.url("/"))) == (["new"], (1000, ""))


def test_check_looks_for_the_program(tmp_path):
    file = tmp_path / "sluice.yaml"
    file.write_text(yaml.safe_dump(commands(["./missing"])))
    done = command("check", file)
    assert done.returncode == 1
    assert 'error: "./missing" does not exist' in done.stderr + done.stdout
    file.write_text(yaml.safe_dump(commands(ECHO)))
    done = command("check", file)
    assert done.returncode == 0, done.stderr
    assert "command sh" in done.stdout


# The example


@pytest.fixture
def example(tmp_path):
    """The configuration of conf/examples/commands.yaml, on free ports, with its scripts where a gateway has it."""
    folder = REPOSITORY / "conf" / "examples"
    config = yaml.safe_load((folder / "commands.yaml").read_text())
    for section in (*config["listeners"], config["admin"]):
        section["address"] = "127.0.0.1:0"
    (tmp_path / "gateway-0").mkdir()
    for script in folder.glob("*.py"):
        shutil.copy(script, tmp_path / "gateway-0")
    return config


def test_the_example_greets_and_digests(gateway, connect, example):
    running = gateway(example)
    client = connect(running.url("/greet", "public"))
    assert client.recv(timeout=DEADLINE) == "Hello 127.0.0.1, who are you?"
    client.send("Ada")
    assert client.recv(timeout=DEADLINE) == "Nice to meet you, Ada."
    running.wait_for_output(lambda line: "met Ada" in line, "the greeter's line in the log")
    client.send("")
    assert rest(client) == (["Goodbye!"], (1000, ""))
    for path, digest in (("/digest", hashlib.sha256), ("/digest/md5", hashlib.md5)):
        client = connect(running.url(path, "public"), origin="https://example.com")
        for message in (b"abc", "héllo\n", b""):
            client.send(message)
            data = message.encode() if isinstance(message, str) else message
            assert client.recv(timeout=DEADLINE) == digest(data).digest()
        client.close()
        running.eventually(lambda stats: stats["routes"]["digest"]["commands"]["running"] == 0, "the script to end")
    client = connect(running.url("/digest/crc", "public"), origin="https://example.com")
    assert rest(client) == ([], (1011, "the command ended with status 1"))
    running.wait_for_output(lambda line: "no such digest: crc" in line, "what the script says in the log")


# Beside websocketd


@pytest.fixture
def websocketd():
    """`websocketd(run)` starts it with a command, and returns the URL."""
    started = []

    def start(run, *options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        started.append(subprocess.Popen(
            ["websocketd", "--address=127.0.0.1", f"--port={port}", "--loglevel=fatal", *options, *run],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

        def answers():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return True

        eventually(answers, "websocketd to listen")
        return f"ws://127.0.0.1:{port}/"

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def transcript(client, messages, answers):
    """What comes back for these messages, and what ends the connection."""
    for message in messages:
        client.send(message)
    return [client.recv(timeout=DEADLINE) for _ in range(answers)]


@pytest.mark.parametrize(("run", "messages", "answers"), [
    (ECHO, ["hello", "", "héllo \U0001F600", "x" * 50_000], 4),
    (["cat"], ["one", "two", " three "], 3),
    (shell("for i in 1 2 3 4 5; do echo $i; done"), [], 5),
    (["printf", r"dos\r\nends\n\nmore\rhere\n"], [], 4),
    ([sys.executable, "-u", str(REPOSITORY / "conf" / "examples" / "greeter.py")], ["Ada", "Grace", ""], 4),
    (shell("echo $REQUEST_METHOD $QUERY_STRING $REMOTE_ADDR $SERVER_NAME $SERVER_PROTOCOL $HTTP_COOKIE"), [], 1),
])
def test_scripts_of_websocketd_run_unchanged(gateway, connect, websocketd, run, messages, answers):
    fields = {"Cookie": "a=b"}
    theirs = transcript(connect(f"{websocketd(run)}?x=y", additional_headers=fields), messages, answers)
    running = gateway(commands(run))
    ours = transcript(connect(running.url("/?x=y"), additional_headers=fields), messages, answers)
    assert ours == theirs
    assert len(ours) == answers


def test_where_websocketd_differs(gateway, connect, websocketd):
    """What docs/configuration.md says of it."""
    # The last line without an end is lost there, and nothing says how the command ended.
    run = shell("printf 'one\\nno end'; exit 3")
    assert rest(connect(websocketd(run)))[0] == ["one"]
    close = (1011, "the command ended with status 3")
    assert rest(connect(gateway(commands(run)).url("/"))) == (["one", "no end"], close)
    # A message with a line feed is two there.
    client = connect(websocketd(["cat"]))
    client.send("a\nb")
    assert [client.recv(timeout=DEADLINE) for _ in range(2)] == ["a", "b"]
