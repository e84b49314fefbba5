"""Socket.IO with python-socketio on both ends: two servers that know nothing of each other, and a cookie or a hash that
keeps a client with one of them, through its polling requests and the upgrade."""

import asyncio

import aiohttp
import pytest
import requests
import socketio

from deployment import DIRECT
from waiting import SLOWDOWN, eventually

WAIT = 10 * SLOWDOWN
STICKY = {"sticky": {"cookie": "sluice_server", "secret": "of the tests"}}
TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}
LARGE = bytes(range(256)) * 4_000


aiohttp_and_hypercorn = pytest.mark.parametrize("kind", ["aiohttp", "asgi"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def kind(request):
    """What serves the application."""
    return getattr(request, "param", "aiohttp")


@pytest.fixture(scope="module")
def socketio_staging(application, staging, kind):
    servers = [application("chat_socketio", name, kind) for name in ("one", "two")]
    return staging(servers, upstream=STICKY, origins=["*"], missing_origin="allow")


@pytest.fixture(params=[DIRECT, "through"])
def deployed(request, socketio_staging):
    return socketio_staging.by(request.param, request)


@pytest.fixture
def run(stage):
    """`run(scenario, deployed, …)` runs `scenario(talk)`, where `await talk(transport)` connects a client; all of them
    are closed behind it."""

    def start(scenario, deployed):
        async def whole():
            clients, sessions = [], []

            async def talk(transport, **options):
                session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=deployed.context() or True),
                    headers=options.pop("fields", None), cookies=options.pop("cookies", None))
                sessions.append(session)
                client = socketio.AsyncClient(http_session=session, reconnection=options.pop("reconnection", False))
                clients.append(client)
                await client.connect(
                    deployed.url(), transports=TRANSPORTS[transport], **{"wait_timeout": WAIT, **options})
                return client

            try:
                return await scenario(talk)
            finally:
                for client in clients:
                    # Not in order: that would wait for the end of a poll.
                    client.reconnection = False
                    await client.eio.disconnect(abort=True)
                for session in sessions:
                    await session.close()

        return stage.run(whole(), 30 * SLOWDOWN)

    return start


async def arrives(client, event):
    """A future of the next `event` at this client."""
    future = asyncio.get_running_loop().create_future()
    client.on(event, lambda *values: future.done() or future.set_result(values[0] if len(values) == 1 else values))
    return future


@aiohttp_and_hypercorn
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_events_and_acknowledgements(run, deployed, transport, kind):
    # With aiohttp, python-engineio takes the first piece of a request's body for the whole.
    large = [] if (kind, transport) == ("aiohttp", "polling") else [LARGE, "x" * 200_000]

    async def scenario(talk):
        client = await talk(transport)
        home, used = await client.call("whoami", timeout=WAIT)
        assert used == ("polling" if transport == "polling" else "websocket")
        assert client.transport() == used
        for value in ("Good day", {"a": [1, None, "ü"]}, b"\x00\xff\x01", {"deep": [b"one", {"two": b"two"}]}, *large):
            assert await client.call("echo", value, timeout=WAIT) == value
        assert await client.call("echo", (1, "two", b"three"), timeout=WAIT) == (1, "two", b"three")
        back = await arrives(client, "back")
        await client.emit("back", {"binary": b"\x00" * 700})
        assert await asyncio.wait_for(back, WAIT) == {"binary": b"\x00" * 700}
        client.on("question", lambda question: f"answer to {question}")
        assert await client.call("ask", "one", timeout=WAIT) == "answer to one"
        assert (await client.call("whoami", timeout=WAIT))[0] == home

    run(scenario, deployed)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_many_events_in_order(run, deployed, transport):
    async def scenario(talk):
        client = await talk(transport)
        seen = asyncio.Queue()
        client.on("back", seen.put)
        for first in range(0, 50, 10):  # python-engineio takes 16 in one request
            for number in range(first, first + 10):
                await client.emit("back", number)
            for number in range(first, first + 10):
                assert await asyncio.wait_for(seen.get(), WAIT) == number

    run(scenario, deployed)


def test_rooms_of_clients_with_every_transport(run, deployed):
    async def scenario(talk):
        clients, homes = [], {}
        while len(clients) < 12 and not all(len(found) >= 3 for found in homes.values()) or not homes:
            client = await talk(list(TRANSPORTS)[len(clients) % 3])
            home, _ = await client.call("whoami", timeout=WAIT)
            clients.append(client)
            homes.setdefault(home, []).append(client)
        home, members = max(homes.items(), key=lambda item: len(item[1]))
        for member in members:
            await member.call("join", "den", timeout=WAIT)
        said = [await arrives(member, "said") for member in members[1:]]
        await members[0].emit("say", ("den", f"from {home}"))
        assert await asyncio.wait_for(asyncio.gather(*said), WAIT) == [f"from {home}"] * len(said)

    run(scenario, deployed)


def test_a_refusal(run, deployed):
    async def scenario(talk):
        for transport in ("websocket", "upgrade"):  # by polls, the client would wait for the end of one
            with pytest.raises(socketio.exceptions.ConnectionError, match="namespaces failed to connect"):
                await talk(transport, auth={"token": "wrong"})

    run(scenario, deployed)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_server_says_goodbye(run, deployed, transport):
    async def scenario(talk):
        client = await talk(transport)
        gone = await arrives(client, "disconnect")
        await client.emit("leave_now")
        await asyncio.wait_for(gone, WAIT)

    run(scenario, deployed)


def test_heartbeats_keep_a_quiet_poll_alive(run, deployed):
    async def scenario(talk):
        client = await talk("polling")
        pinged = asyncio.Event()
        handle = client.eio._receive_packet

        async def receive(packet):
            await handle(packet)
            if packet.packet_type == 2:
                pinged.set()

        client.eio._receive_packet = receive
        for _ in range(2):
            await asyncio.wait_for(pinged.wait(), WAIT)
            pinged.clear()
        assert (await client.call("whoami", timeout=WAIT))[1] == "polling"

    run(scenario, deployed)


def test_the_blocking_client(deployed):
    """Its polls are those of requests, another implementation again. Two threads use its WebSocket at once, which Python's
    TLS breaks off now and then, behind whatever proxy."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(deployed.authority) if deployed.gateway else True
        client = socketio.Client(http_session=session, reconnection=False)
        client.connect(deployed.url(), transports=["polling"], wait_timeout=WAIT)
        try:
            assert client.call("echo", b"\x00\xff", timeout=WAIT) == b"\x00\xff"
            home = client.call("whoami", timeout=WAIT)[0]
            assert [client.call("whoami", timeout=WAIT)[0] for _ in range(5)] == [home] * 5
        finally:
            client.eio.disconnect(abort=True)


# Two servers

def homes_of(run, deployed, transport, count):
    async def scenario(talk):
        clients = [await talk(transport) for _ in range(count)]
        return [(await client.call("whoami", timeout=WAIT))[0] for client in clients]

    return run(scenario, deployed)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_clients_are_on_both_servers(run, socketio_staging, request, transport):
    homes = homes_of(run, socketio_staging.by("through", request), transport, 6)
    assert set(homes) == {"one", "two"}, homes


def is_idle(stats):
    route = stats["routes"]["all"]
    return route["active"] == 0 and route["requests"]["active"] == 0


@pytest.mark.parametrize("on", ["ip", "cookie:user", "header:X-User"])
def test_a_hash_keeps_a_client_with_its_server(run, socketio_staging, staging, request, on):
    deployed = staging(
        socketio_staging.servers, upstream={"balance": {"hash": {"on": on}}}, origins=["*"],
        missing_origin="allow").by("through", request)

    async def scenario(talk):
        homes = []
        for number in range(6):
            for transport in ("polling", "upgrade", "websocket"):
                client = await talk(transport, fields={"X-User": str(number)}, cookies={"user": str(number)})
                homes.append((await client.call("whoami", timeout=WAIT))[0])
                # One at a time: what is above a server's share goes to the other one.
                await client.eio.disconnect(abort=True)
                await client.eio.http.close()
                await asyncio.to_thread(deployed.gateway.eventually, is_idle, "nothing to be open")
        return homes

    homes = run(scenario, deployed)
    groups = [homes[at : at + 3] for at in range(0, len(homes), 3)]
    assert all(len(set(group)) == 1 for group in groups), groups
    assert (len(set(homes)) == 1) == (on == "ip"), homes


def test_without_affinity_polling_fails(run, socketio_staging, staging, request):
    """So that the tests above can fail."""
    deployed = staging(
        socketio_staging.servers, origins=["*"], missing_origin="allow").by("through", request)

    async def scenario(talk):
        client = await talk("polling", wait_timeout=1)
        for _ in range(4):
            await client.call("whoami", timeout=1)

    with pytest.raises((socketio.exceptions.SocketIOError, AssertionError)):
        run(scenario, deployed)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("way", [DIRECT, "through"])
def test_a_client_comes_back_after_its_server_was_restarted(
        run, application, staging, request, kind, way, transport):
    servers = [application("chat_socketio", name, kind) for name in ("one", "two")]
    deployed = staging(servers, upstream=STICKY, origins=["*"], missing_origin="allow").by(way, request)
    by_name = {server.name: server for server in servers}

    async def scenario(talk):
        client = await talk(transport, reconnection=True)
        client._reconnection_delay = client.reconnection_delay = 0.05
        client.reconnection_delay_max = 0.2
        home = (await client.call("whoami", timeout=WAIT))[0]
        lost, back = await arrives(client, "disconnect"), await arrives(client, "connect")
        by_name[home].kill()
        await asyncio.wait_for(lost, WAIT)
        if way == DIRECT:
            started.append(by_name[home].again())
        await asyncio.wait_for(back, WAIT)
        now = (await client.call("whoami", timeout=WAIT))[0]
        assert (now == home) == (way == DIRECT), f"it was on {home}, now it is on {now}"
        assert await client.call("echo", b"\x01", timeout=WAIT) == b"\x01"

    started = []
    try:
        run(scenario, deployed)
    finally:
        for one in started:
            one.stop()
