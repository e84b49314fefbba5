// Rules that are broken on purpose: what is done, and why the gateway answers as it does.
const rules = [
  {
    id: 'size', path: '/limit/size', route: 'limit-size', title: 'A message that is too large', button: 'Send 4 KiB',
    what: 'This route takes messages of 1 KiB.',
    act: ({ socket }) => socket.send('x'.repeat(4096)),
    why: 'The gateway counts a message while it comes in, after decompression, and closes once the limit is passed. '
      + 'The server never gets the whole message.',
  },
  {
    id: 'ratio', path: '/limit/ratio', route: 'limit-ratio', title: 'A compression bomb', button: 'Send 1 MiB of zeros',
    what: 'On this route a message may inflate to 20 times its size. A mebibyte of zeros inflates from a kibibyte.',
    act: ({ socket }) => socket.send('0'.repeat(1048576)),
    why: 'The gateway inflates the message piece by piece, and stops when the ratio is over the limit. '
      + 'The server never gets the whole message.',
  },
  {
    id: 'idle', path: '/limit/idle', route: 'limit-idle', title: 'Silence', button: 'Say nothing for 3 seconds',
    what: 'This route ends WebSockets on which no message came for 3 seconds.',
    act: () => {},
    why: 'The idle timeout was over. Pings of the gateway do not count: a client that only answers them is idle too.',
  },
  {
    id: 'text', path: '/fault/text', route: 'fault-text',
    title: 'A text that is not UTF-8', button: 'Let the server send one',
    what: 'No browser sends such a text, so the demo’s server does.',
    act: ({ socket }) => socket.send('break the rule'),
    why: 'The server broke the rule, so it gets 1007 from the gateway. The browser gets 1001, and never sees the text.',
  },
  {
    id: 'frame', path: '/fault/frame', route: 'fault-frame',
    title: 'A frame that breaks the protocol', button: 'Let the server send one',
    what: 'The demo’s server masks a frame, which only clients may do.',
    act: ({ socket }) => socket.send('break the rule'),
    why: 'The server broke the rule, so it gets 1002 from the gateway. The browser gets 1001.',
  },
  {
    id: 'end', path: '/fault/end', route: 'fault-end',
    title: 'A server that breaks off', button: 'Let the server break off',
    what: 'The demo’s server sends half a message, and ends the connection without a Close.',
    act: ({ socket }) => socket.send('break the rule'),
    why: 'Without a gateway the browser would see 1006. The gateway says what happened: the message has no end.',
  },
];

/** How the gateway has counted ends in the meantime, such as `1007 by the gateway`. */
function newCloses(before, after, route) {
  const [old, now] = [before, after].map(figures => figures.routes[route].close_codes);
  return Object.entries(now).flatMap(([side, codes]) => Object.entries(codes)
    .filter(([code, count]) => count > (old[side]?.[code] ?? 0)).map(([code]) => `${code} by the ${side}`));
}

/** Opens a WebSocket, breaks the rule, and waits for the Close: what to say of it, and what the statistics will say. */
async function breakRule(rule) {
  // Figures are nice to have here: without the token there are none.
  const before = await gateway.stats().catch(() => null);
  const opened = await openSocket(rule.path);
  rule.act(opened);
  const how = await Promise.race([opened.ended, pause(15000)]);
  if (!how) {
    opened.socket.close(1000);
    return { said: 'Nothing happened within 15 seconds.' };
  }
  // The end is counted when both sides have ended, which takes browsers different times.
  const count = async () => {
    const ends = before && await until(async () => {
      const found = newCloses(before, await gateway.stats(), rule.route);
      return found.length ? found : null;
    }, 10).catch(() => null);
    return ends ? `The statistics count this end as ${ends.join(' and ')}.` : '';
  };
  return { said: `The browser got ${closeText(how)}. ${rule.why}`, counted: count() };
}

/** How many WebSockets one address may have on the route. */
const cap = 3;
const refusalKey = 'route_max_connections_per_ip';

/** Opens twice as many WebSockets as one address may have. */
async function hitCap() {
  const route = 'limit-connections';
  const refusals = figures => figures.routes[route].rejected_total[refusalKey] ?? 0;
  const before = await gateway.stats().catch(() => null);
  const results = await Promise.allSettled(Array.from({ length: 2 * cap }, () => openSocket('/limit/connections')));
  const open = results.filter(result => result.status === 'fulfilled').map(result => result.value);
  const refused = results.length - open.length;
  for (const { socket } of open) socket.close(1000);
  await Promise.all(open.map(({ ended }) => ended));
  const count = async () => {
    const more = before && refusals(await gateway.stats().catch(() => before)) - refusals(before);
    return more ? `The statistics have ${more} more of ${refusalKey}.` : '';
  };
  return {
    said: `${open.length} of ${results.length} opened, and the gateway refused ${refused}. `
      + 'It answered their handshakes with the status 503 and the reason. A browser hides both and shows 1006.',
    counted: count(),
  };
}

function buildRules() {
  const item = ({ id, title, what, button }, work) => {
    const result = make('p', { role: 'status', class: 'result', 'data-result': id });
    // Not for screen readers to say in the middle of something else.
    const count = make('p', { class: 'result muted', 'data-count': id });
    const run = make('button', { type: 'button', 'data-rule': id, onclick: () => whileBusy(run, async () => {
      setText(result, 'Waiting for the end…');
      setText(count, '');
      try {
        const { said, counted } = await work();
        setText(result, said);
        setText(count, await counted ?? '');
      } catch (error) {
        setText(result, error.how
          ? `The WebSocket did not open: ${closeText(error.how)}. ${meaningOf(error.how.code)}` : error.message);
      }
    }) }, button);
    run.setAttribute('aria-describedby', `rule-${id}`);
    return make('li', {},
      make('div', {}, make('h3', { id: `rule-${id}` }, title), make('p', { class: 'muted' }, what)),
      run, result, count);
  };
  byId('rules').append(...rules.map(rule => item(rule, () => breakRule(rule))), item({
    id: 'connections', title: 'More WebSockets than one address may have', button: `Open ${2 * cap} at once`,
    what: `This route takes ${cap} WebSockets of each address.`,
  }, hitCap));
}
