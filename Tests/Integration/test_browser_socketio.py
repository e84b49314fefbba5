"""Socket.IO's own client in Chromium, and python-socketio behind: polling, the upgrade to a WebSocket, and what comes
back after a server died."""

import pytest

from test_browser_pages import running, server_of, servers, tab, value  # noqa: F401

OPEN = """
globalThis.join = (name, options) => new Promise((done, fail) => {
  const socket = opened[name] = io({ forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
  socket.told = [];
  socket.on('told', text => socket.told.push(text));
  let first;
  socket.io.on('open', () => first ??= socket.io.engine.transport.name);
  socket.on('connect', () => done(first));
  socket.on('connect_error', fail);
});
globalThis.upgraded = name => new Promise(done => {
  const { engine } = opened[name].io;
  engine.transport.name === 'websocket' ? done('websocket') : engine.on('upgrade', ({ name }) => done(name));
});
'ready'
"""


@pytest.fixture
def client(tab):  # noqa: F811
    assert tab.evaluate(OPEN) == "ready"
    return tab


@pytest.mark.parametrize(("transports", "first", "last"), [
    (["polling", "websocket"], "polling", "websocket"),
    (["polling"], "polling", "polling"),
    (["websocket"], "websocket", "websocket")], ids=["upgrade", "polling", "websocket"])
def test_events(client, transports, first, last):
    assert client.evaluate(f"join('one', {{ transports: {transports} }})") == first
    assert client.evaluate(f"join('two', {{ transports: {transports} }})") == first
    if first != last:
        assert client.evaluate("upgraded('one')") == last
    for _ in range(10):
        answer = value(client, "opened.one.emitWithAck('greet', 'κόσμε')")
        assert answer["text"] == "Hello κόσμε"
    assert answer["transport"] == last
    # In one piece: python-engineio 4.15 takes as a whole what aiohttp has of a poll's content when it begins to read.
    assert value(client, """(async () => {
      const sent = new Uint8Array(3_000).map((_, index) => index & 255);
      const back = new Uint8Array(await opened.one.emitWithAck('double', sent.buffer));
      return [back.length, back.every((byte, index) => byte === (index % 3_000 & 255))];
    })()""") == [6_000, True]
    value(client, "Promise.all([opened.one, opened.two].map(one => one.timeout(5000).emitWithAck('enter', 'room')))")
    client.evaluate("opened.two.timeout(5000).emitWithAck('tell', 'room', 'to all').then(() => 0)")
    assert value(client, """Promise.all([opened.one, opened.two].map(socket =>
      socket.told.length ? socket.told[0] : new Promise(done => socket.once('told', done))))""") == ["to all"] * 2


def test_it_comes_back_after_the_server_died(client, servers):  # noqa: F811
    client.evaluate("join('one', {})")
    before = value(client, "opened.one.emitWithAck('greet', 'you')")["server"]
    server = server_of(client, servers)
    client.evaluate("""
      opened.one.again = new Promise(done =>
        opened.one.once('disconnect', () => opened.one.once('connect', () => done(0)))), 0""")
    server.kill()
    if client.way == "direct":
        server.start()
    client.evaluate("opened.one.again")
    after = value(client, "opened.one.emitWithAck('greet', 'you')")["server"]
    if client.way != "direct":
        assert after != before
        server.start()
