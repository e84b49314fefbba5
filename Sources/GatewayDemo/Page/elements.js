// Elements, numbers in words, and waiting.
const byId = id => document.getElementById(id);

/** A new element. Attributes that begin with `on` are listeners; children are elements or text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Writes only what is new, so that screen readers say it once. */
function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

const whole = new Intl.NumberFormat('en');
const plural = (count, one, many = `${one}s`) => `${whole.format(count)} ${count === 1 ? one : many}`;

function inBytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let size = Math.max(0, value);
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)} ${units[unit]}`;
}

const inPercent = share => `${Math.round(100 * share)} %`;

const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));

/** What `check` gives once it gives something; nothing after `seconds`. */
async function until(check, seconds) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found || Date.now() > end) return found;
    await pause(100);
  }
}

/** Does the work of a button unless it is at work already. The button keeps the focus. */
async function whileBusy(button, work) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  try {
    await work();
  } finally {
    button.setAttribute('aria-disabled', 'false');
  }
}

/** The address of a WebSocket on this page's host. */
function socketAddress(path) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === 'http:' ? 'ws:' : 'wss:';
  url.hash = '';
  return url.href;
}

/** An open WebSocket; `ended` is a promise of how it ends. Refused with `how` if it does not open. */
function openSocket(path) {
  const socket = new WebSocket(socketAddress(path));
  socket.binaryType = 'arraybuffer';
  const ended = new Promise(done => {
    socket.addEventListener('close', ({ code, reason, wasClean }) => done({ code, reason, wasClean }));
  });
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve({ socket, ended }));
    ended.then(how => reject(Object.assign(new Error(`closed with ${how.code}`), { how })));
  });
}
