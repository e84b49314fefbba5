// The gateway, as it describes itself: a stream of its figures, and requests to it.
class GatewayRefusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

const gateway = {
  /** `connecting`, `live`, `gone`, `locked` (the admin token is wanted) or `busy` (too many pages watch). */
  standing: 'connecting',
  /** The latest statistics. */
  figures: null,
  watchers: new Set(),

  /** Calls back with each change. */
  watch(callback) {
    this.watchers.add(callback);
    callback();
  },

  become(standing) {
    if (this.standing === standing) return;
    this.standing = standing;
    this.tell();
  },

  tell() {
    for (const callback of this.watchers) callback();
  },

  /** The response, if its status is one of success; else a refusal in words for the page. */
  async ask(path, method = 'GET') {
    let response;
    try {
      response = await fetch(path, { method, cache: 'no-store', credentials: 'same-origin' });
    } catch {
      throw new GatewayRefusal(0, 'The gateway does not answer.');
    }
    if (response.ok) return response;
    if (response.status === 401) {
      throw new GatewayRefusal(401, 'The gateway wants the admin token. Log in to the dashboard first.');
    }
    const said = (await response.text()).trim();
    throw new GatewayRefusal(response.status, `The gateway answered ${response.status}: ${said}`);
  },

  async stats() {
    const figures = await (await this.ask('/stats')).json();
    this.figures = figures;
    this.tell();
    return figures;
  },

  /** Whether anything answers at the page's address. */
  async answers() {
    try {
      await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
      return true;
    } catch {
      return false;
    }
  },

  /** Reads the stream to its end. */
  async readStream() {
    // A gateway that has stopped without a word sends nothing any more.
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), 10000);
    try {
      const response = await fetch('/live', { cache: 'no-store', credentials: 'same-origin', signal: silence.signal });
      if (response.status === 401) return 'locked';
      if (response.status === 503 && await this.answers()) return 'busy';
      if (!response.ok) return 'gone';
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
        for (const block of blocks) this.take(block);
      }
    } catch {
      return 'gone';
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  },

  take(block) {
    const lines = block.split('\n');
    if (lines[0] !== 'event: state') return;
    this.figures = JSON.parse(lines[1].replace(/^data: /, '')).stats;
    this.standing = 'live';
    this.tell();
  },
};

/** Watches for ever. It comes back by itself, at first after a second, then less and less often. */
async function watchGateway() {
  let wait = 1000;
  for (;;) {
    const began = Date.now();
    const end = await gateway.readStream();
    // A gateway that stops ends the stream in order: ask it before saying so.
    gateway.become(end === 'gone' && await gateway.answers() ? 'connecting' : end);
    if (end === 'locked') {
      // Somebody logs in, in another tab.
      await new Promise(done => addEventListener('focus', done, { once: true }));
      continue;
    }
    wait = Date.now() - began > 5000 ? 1000 : Math.min(wait * 1.6, 10000);
    await countDown(byId('standing-next'), wait);
  }
}

/** Waits, and shows how long it still takes. */
async function countDown(place, milliseconds) {
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    setText(place, `next try in ${Math.ceil((end - Date.now()) / 1000)} s`);
    await pause(Math.min(1000, end - Date.now()));
  }
  setText(place, '');
}
