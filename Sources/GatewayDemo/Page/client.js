'use strict';
// A WebSocket whose sends are promises of what comes back. It uses nothing that a worker has not got: the Web Worker
// runs the text of this very function.

function makeClient(emit) {
  const timeout = 30000;
  let socket = null;
  let path = '';
  /** The name that the chat gave this side. */
  let guest = '';
  let waiting = [];

  const state = () => ({
    url: socket ? socket.url : '',
    readyState: socket ? socket.readyState : 3,
    extensions: socket ? socket.extensions : '',
    protocol: socket ? socket.protocol : '',
    guest,
  });
  const changed = () => emit({ type: 'state', state: state() });

  function settle(entry, settlement, value) {
    const index = waiting.indexOf(entry);
    if (index < 0) return;
    waiting.splice(index, 1);
    clearTimeout(entry.timer);
    entry[settlement](value);
  }

  function waitFor(accepts) {
    return new Promise((resolve, reject) => {
      const entry = { accepts, resolve, reject };
      entry.timer = setTimeout(
        () => settle(entry, 'reject', new Error('nothing came back in ' + timeout / 1000 + ' s')), timeout);
      waiting.push(entry);
    });
  }

  function refuseAll(message) {
    for (const entry of waiting.slice()) settle(entry, 'reject', new Error(message));
  }

  function saidBy(line, text) {
    try {
      const value = JSON.parse(line);
      return value.from === guest && value.text === text;
    } catch {
      return false;
    }
  }

  /** The first line of the chat says whom it was sent to. */
  function noteGuest(data) {
    try {
      const { you } = JSON.parse(data);
      if (typeof you !== 'string') return;
      guest = you;
      changed();
    } catch {
      // The gateway relays whatever the server sends.
    }
  }

  function receive(data) {
    if (path === '/chat' && !guest && typeof data === 'string') noteGuest(data);
    emit({ type: 'received', data });
    const entry = waiting.find(candidate => candidate.accepts(data));
    if (entry) settle(entry, 'resolve', data);
  }

  function connect(where, protocols) {
    if (socket && socket.readyState < 2) socket.close(1000, 'connecting anew');
    refuseAll('connected anew');
    return new Promise((resolve, reject) => {
      const mine = new WebSocket(where, protocols || []);
      mine.binaryType = 'arraybuffer';
      socket = mine;
      path = new URL(where).pathname;
      guest = '';
      mine.onopen = () => {
        if (socket === mine) changed();
        resolve({ extensions: mine.extensions, protocol: mine.protocol });
      };
      mine.onmessage = event => {
        if (socket === mine) receive(event.data);
      };
      mine.onclose = event => {
        const how = { code: event.code, reason: event.reason, wasClean: event.wasClean };
        const message = 'closed with ' + how.code + (how.reason ? ': ' + how.reason : '');
        reject(new Error(message));
        if (socket !== mine) return;
        refuseAll(message);
        changed();
        emit({ type: 'closed', how });
      };
      changed();
    });
  }

  function send(data, accepts) {
    if (!socket || socket.readyState !== 1) return Promise.reject(new Error('not connected'));
    const start = performance.now();
    const answer = waitFor(accepts);
    emit({ type: 'sent', data });
    socket.send(data);
    return answer.then(value => {
      emit({ type: 'roundTrip', milliseconds: performance.now() - start });
      return value;
    });
  }

  function sendText(text) {
    return send(text, path === '/chat'
      ? data => typeof data === 'string' && saidBy(data, text)
      : data => typeof data === 'string');
  }

  function sendBinary(bytes) {
    return send(bytes.slice(), data => typeof data !== 'string').then(data => new Uint8Array(data));
  }

  function close(code, reason) {
    const mine = socket;
    if (!mine || mine.readyState === 3) return Promise.reject(new Error('not connected'));
    return new Promise(resolve => {
      mine.addEventListener('close', event => resolve(
        { code: event.code, reason: event.reason, wasClean: event.wasClean }));
      mine.close(code === undefined ? 1000 : code, reason === undefined ? '' : reason);
      changed();
    });
  }

  return { connect, sendText, sendBinary, close, state: () => Promise.resolve(state()) };
}

function serveClient(scope) {
  const client = makeClient(event => scope.postMessage({ event }));
  scope.onmessage = ({ data: { id, call, values } }) => {
    new Promise(resolve => resolve(client[call](...values))).then(
      value => scope.postMessage({ id, value }),
      error => scope.postMessage({ id, error: error.message }));
  };
}

function makeWorkerClient(emit) {
  const source = `'use strict';\n${makeClient}\n(${serveClient})(self);`;
  const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(address);
  const calls = new Map();
  let last = 0;
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(address);
    if (data.event) return emit(data.event);
    const { resolve, reject } = calls.get(data.id);
    calls.delete(data.id);
    if (data.error !== undefined) reject(new Error(data.error));
    else resolve(data.value);
  };
  worker.onerror = event => {
    for (const { reject } of calls.values()) reject(new Error('worker: ' + event.message));
    calls.clear();
  };
  const remote = call => (...values) => new Promise((resolve, reject) => {
    calls.set(++last, { resolve, reject });
    worker.postMessage({ id: last, call, values });
  });
  return {
    connect: remote('connect'), sendText: remote('sendText'), sendBinary: remote('sendBinary'),
    close: remote('close'), state: remote('state'),
  };
}
