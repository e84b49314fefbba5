// The stream of events, and what is known by it.
const store = {
  /** `connecting`, `live`, `gone` or `unauthorised`. */
  connection: 'connecting',
  goneSince: null,
  /** The latest states, oldest first: rates are made of the first and the last. */
  states: [],
  configuration: null,
  warnings: [],
  history: { interval: 5, capacity: 360, names: [], loops: 0, time: 0, rows: [] },
};
const watchers = new Set();
const statesForRates = 4;

/** Calls back with each change, until the returned function is called. */
function watch(callback) {
  watchers.add(callback);
  return () => watchers.delete(callback);
}

function tell(kind) {
  for (const callback of [...watchers]) callback(kind);
}

const latest = () => store.states.at(-1) ?? null;

/** How fast a counter of the stats has grown in the last seconds. */
function rateOf(counter) {
  const last = latest();
  const first = store.states[0];
  const passed = last && first ? last.stats.uptime_seconds - first.stats.uptime_seconds : 0;
  if (passed <= 0) return 0;
  const before = counter(first.stats);
  const now = counter(last.stats);
  return before === undefined || now === undefined || now < before ? 0 : (now - before) / passed;
}

const handlers = {
  state(state) {
    // Another process, after a restart, begins anew.
    const before = latest();
    if (before && state.stats.uptime_seconds < before.stats.uptime_seconds) store.states = [];
    store.states.push(state);
    if (store.states.length > statesForRates) store.states.shift();
  },
  samples(event) {
    const history = store.history;
    const isWhole = store.expectsWholeHistory;
    store.expectsWholeHistory = false;
    const rows = isWhole ? event.rows : history.rows.concat(event.rows);
    store.history = { ...event, rows: rows.slice(-event.capacity) };
  },
  warnings(list) { store.warnings = list; },
  configuration(configuration) { store.configuration = configuration; },
};

/** Takes the text of one event apart. */
function take(block) {
  let name = '';
  let data = '';
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7);
    if (line.startsWith('data: ')) data += line.slice(6);
  }
  if (!Object.hasOwn(handlers, name)) return;
  handlers[name](JSON.parse(data));
  tell(name);
}

function become(connection) {
  if (store.connection === connection) return;
  store.connection = connection;
  if (connection === 'gone') store.goneSince ??= new Date();
  if (connection === 'live') store.goneSince = null;
  tell('connection');
}

function sessionIsOver() { become('unauthorised'); }

async function readStream() {
  // A gateway that has stopped without a word sends nothing any more.
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), 10000);
  try {
    const response = await fetch('/live', { cache: 'no-store', credentials: 'same-origin', signal: silence.signal });
    if (response.status === 401) return 'unauthorised';
    if (!response.ok) return 'gone';
    store.expectsWholeHistory = true;
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 'gone';
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), 10000);
      const blocks = (text + decoder.decode(value, { stream: true })).split('\n\n');
      text = blocks.pop();
      for (const block of blocks) take(block);
      if (blocks.length) become('live');
    }
  } catch {
    return 'gone';
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Watches for ever: comes back by itself, at first after a second, then less and less often. */
async function watchGateway() {
  let pause = 1000;
  for (;;) {
    const began = Date.now();
    const end = await readStream();
    become(end);
    if (end === 'unauthorised') return;
    pause = Date.now() - began > 5000 ? 1000 : Math.min(pause * 1.6, 10000);
    await new Promise(done => setTimeout(done, pause));
  }
}
