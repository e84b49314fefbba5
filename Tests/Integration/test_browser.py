"""Chromium, on a page and in a Web Worker, through the demonstration that `sluice demo` runs."""

import json

import pytest

# Run on the page and, as its own source, in a worker: connects, sends text and an ArrayBuffer, and tells what it saw.
TALK = """
async function talk(url) {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const inbox = [], waiting = [];
  let ended;
  socket.onmessage = ({ data }) => (waiting.length ? waiting.shift()(data) : inbox.push(data));
  const closed = new Promise(done => socket.onclose = ({ code, reason, wasClean }) => done({ code, reason, wasClean }));
  await new Promise((done, fail) => {
    socket.onopen = done;
    socket.onerror = () => fail(new Error('could not open ' + url));
  });
  const next = () => inbox.length ? inbox.shift() : new Promise(done => waiting.push(done));
  const texts = ['', 'Hello', 'κόσμε 🜁', Array.from({ length: 20000 }, (_, n) => n).join(' ')];
  const equal = [];
  for (const text of texts) {
    socket.send(text);
    equal.push(await next() === text);
  }
  for (const size of [0, 1, 125, 126, 65536, 1500000]) {
    const bytes = new Uint8Array(size).map((_, index) => (index * 7 + size) & 255);
    socket.send(bytes.buffer);
    const echo = await next();
    const back = new Uint8Array(echo);
    equal.push(echo instanceof ArrayBuffer && back.length === size && back.every((byte, i) => byte === bytes[i]));
  }
  const extensions = socket.extensions;
  socket.close(4000, 'enough');
  return JSON.stringify({ equal, extensions, closed: await closed });
}
"""

WORKER = TALK + """
(() => {
  const source = talk.toString() +
    '; onmessage = async ({ data }) => { try { postMessage(await talk(data)) } catch (e) { postMessage("" + e) } }';
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
  return new Promise((done, fail) => {
    worker.onmessage = ({ data }) => done(data);
    worker.onerror = event => fail(new Error(event.message));
    worker.postMessage(URL_HERE);
  });
})()
"""


@pytest.fixture
def page(demo, browser):
    browser.open(demo.page + "/")
    return browser


def check(result):
    assert result.startswith("{"), result
    result = json.loads(result)
    assert all(result["equal"]), result
    assert len(result["equal"]) == 10
    assert result["extensions"].startswith("permessage-deflate"), result
    assert (result["closed"]["code"], result["closed"]["wasClean"]) == (4000, True), result


def test_text_and_binary_on_the_page(demo, page):
    url = demo.page.replace("https", "wss") + "/echo"
    check(page.evaluate(f"{TALK}; talk({json.dumps(url)})"))


def test_text_and_binary_in_a_worker(demo, page):
    url = demo.page.replace("https", "wss") + "/echo"
    check(page.evaluate(WORKER.replace("URL_HERE", json.dumps(url))))


def test_the_pages_own_client(page):
    assert page.evaluate("document.title")
    result = page.evaluate("""
      (async () => {
        const demo = window.sluiceDemo;
        const { extensions } = await demo.connect('/echo');
        const text = await demo.sendText('Hello');
        const binary = Array.from(await demo.sendBinary(new Uint8Array([0, 1, 254, 255])));
        await demo.close();
        return { extensions, text, binary };
      })()""")
    assert result["text"] == "Hello"
    assert result["binary"] == [0, 1, 254, 255]
    assert result["extensions"].startswith("permessage-deflate")


def test_the_pages_own_worker(page):
    result = page.evaluate("""
      (async () => {
        const { worker } = window.sluiceDemo;
        await worker.connect('/echo');
        return { text: await worker.sendText('Hello'),
                 binary: Array.from(await worker.sendBinary(new Uint8Array([7, 8, 9]))) };
      })()""")
    assert result == {"text": "Hello", "binary": [7, 8, 9]}


def test_two_sockets_chat(demo, page):
    received = page.evaluate("""
      (async () => {
        const open = () => new Promise((done, fail) => {
          const socket = new WebSocket(location.origin.replace('https', 'wss') + '/chat');
          socket.seen = [];
          socket.onmessage = ({ data }) => { socket.seen.push(data); if (socket.wake) socket.wake(); };
          socket.onopen = () => done(socket);
          socket.onerror = () => fail(new Error('could not open /chat'));
        });
        const [one, two] = [await open(), await open()];
        one.send('good morning');
        await new Promise(done => {
          two.wake = () => { if (two.seen.some(data => data.includes('good morning'))) done(); };
          two.wake();
        });
        one.close(); two.close();
        return two.seen.length;
      })()""")
    assert received >= 1


def test_the_page_loads_without_complaint(page):
    before = len(page.messages)
    page.evaluate("1")
    assert not [m for m in page.messages[before:] if "Content Security Policy" in m or "exceptionThrown" in m]
