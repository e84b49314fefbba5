// The gateway at a glance.
const closeMeanings = {
  1000: 'normal', 1001: 'going away', 1002: 'protocol error', 1003: 'unsupported data', 1005: 'no code',
  1006: 'without a Close', 1007: 'invalid data', 1008: 'policy', 1009: 'too large', 1010: 'extension missing',
  1011: 'internal error', 1012: 'restart', 1013: 'try again later', 1014: 'bad gateway', 1015: 'TLS failed',
};

const totalOf = (stats, pick) => Object.values(stats.routes).reduce((sum, route) => sum + pick(route), 0);
const messagesOf = way => way.text + way.binary;
const refusalsOf = stats => Object.values(stats.connections.rejected_total).reduce((sum, count) => sum + count, 0);

function tile(title, ...charts) {
  const value = make('p', { class: 'value' });
  const note = make('p', { class: 'note' });
  return {
    element: make('article', { class: 'card' }, make('h2', { class: 'label' }, title), value, note, charts.map(({ element }) => element)),
    draw() { for (const one of charts) one.draw(); },
    show(parts, text) {
      keepChildren(value, parts.map((part, index) => ({ part, index })), ({ index }) => index,
        ({ part }) => make('span', { class: parts.length > 1 ? 'way' : null }, make('span'), ' ', make('small')),
        (element, { part }) => {
          const [number, unit] = Array.isArray(part) ? part : [part, ''];
          setText(element.firstChild, number);
          setText(element.lastChild, unit);
        });
      setText(note, text);
    },
  };
}

function buildOverview(section) {
  const tiles = {
    sockets: tile('WebSockets', chart('WebSockets', [{ name: 'open', pick: s => s.active }], format.count)),
    handshakes: tile('Handshakes', chart('Handshakes a second', [
      { name: 'opened', pick: s => s.opened }, { name: 'closed', pick: s => s.closed }], v => `${format.rate(v)}/s`)),
    messages: tile('Messages', chart('Messages a second', [
      { name: 'in', pick: s => s.messages_from_client },
      { name: 'out', pick: s => s.messages_to_client }], v => `${format.rate(v)}/s`)),
    bytes: tile('Traffic', chart('Bytes a second', [
      { name: 'in', pick: s => s.bytes_from_client },
      { name: 'out', pick: s => s.bytes_to_client }], format.byteRate)),
    refusals: tile('Refusals', chart('Refusals a second', [{ name: 'refused', pick: s => s.refused }],
      v => `${format.rate(v)}/s`)),
    compression: tile('Compression saved', chart('Bytes saved a second', [
      { name: 'saved', pick: s => Math.max(0, s.compression_before - s.compression_after) }], format.byteRate)),
    memory: tile('Memory', chart('Resident memory', [{ name: 'resident', pick: s => s.memory }], format.bytes)),
    loops: tile('Event loops', chart('Load of the busiest event loop', [
      { name: 'busiest', pick: s => Math.max(0, ...s.loads) }], v => format.percent(v * 100), { top: 1 })),
  };
  const meters = make('div', { class: 'loops', tabindex: '0', role: 'group', 'aria-label': 'Load of each event loop' });
  tiles.loops.element.insertBefore(meters, tiles.loops.element.querySelector('figure'));
  const refusals = table('Refusals by reason', [
    { title: 'Reason', class: 'break', text: row => row.reason },
    { title: 'Total', number: true, text: row => format.count(row.count) },
    { title: 'Now', number: true, text: row => `${format.rate(row.rate)}/s` },
  ], row => row.reason);
  const closes = table('Close codes', [
    { title: 'Code', text: row => `${row.code} ${closeMeanings[row.code] ?? ''}`.trim() },
    ...['client', 'server', 'gateway'].map(side => ({
      title: `By the ${side}`, number: true, text: row => format.count(row[side] ?? 0) })),
  ], row => row.code);
  const facts = pairs();
  const noRefusals = make('p', { class: 'empty' }, 'The gateway has refused no client.');
  const noCloses = make('p', { class: 'empty' }, 'No WebSocket has ended yet.');
  section.append(
    make('div', { class: 'cards' }, Object.values(tiles).map(({ element }) => element)),
    make('div', { class: 'panels' },
      make('article', { class: 'card' }, make('header', {}, make('h2', {}, 'Refusals by reason')), noRefusals,
        scrolling('Refusals by reason', refusals.element)),
      make('article', { class: 'card' }, make('header', {}, make('h2', {}, 'Close codes')), noCloses,
        scrolling('Close codes', closes.element)),
      make('article', { class: 'card' }, make('header', {}, make('h2', {}, 'Process')), facts.element)));

  return () => {
    const state = latest();
    if (!state) return;
    const { stats } = state;
    const { connections } = stats;
    tiles.sockets.show([format.count(connections.active)],
      `${format.count(connections.accepted_total)} opened since the start`);
    const handshakes = Object.values(stats.routes).map(route => route.handshake_seconds).filter(({ count }) => count);
    const slowest = Math.max(0, ...handshakes.map(({ p99 }) => p99));
    tiles.handshakes.show([[format.rate(rateOf(s => s.connections.accepted_total)), '/s']],
      handshakes.length ? `99 % within ${format.seconds(slowest)}, ${format.count(stats.transports.handshaking)} in progress`
        : `${format.count(stats.transports.handshaking)} in progress`);
    const messages = way => format.rate(rateOf(s => totalOf(s, route => messagesOf(route.messages[way]))));
    tiles.messages.show([[messages('from_client'), '/s in'], [messages('to_client'), '/s out']],
      `${format.count(totalOf(stats, r => messagesOf(r.messages.from_client) + messagesOf(r.messages.to_client)))} in all`);
    const bytes = way => format.byteRate(rateOf(s => totalOf(s, route => route.bytes[way])));
    tiles.bytes.show([[bytes('from_client'), 'in'], [bytes('to_client'), 'out']],
      `${format.bytes(totalOf(stats, r => r.bytes.from_client + r.bytes.to_client))} in all`);
    tiles.refusals.show([[format.rate(rateOf(refusalsOf)), '/s']], `${format.count(refusalsOf(stats))} since the start`);
    const before = totalOf(stats, r => r.compression.bytes_before);
    const after = totalOf(stats, r => r.compression.bytes_after);
    tiles.compression.show(
      before ? [[format.percent((1 - after / before) * 100), format.bytes(Math.max(0, before - after))]] : ['–'],
      before ? `${format.bytes(before)} became ${format.bytes(after)}` : 'The gateway has compressed nothing yet');
    const zlib = totalOf(stats, r => r.compression.memory_bytes);
    tiles.memory.show([stats.resident_memory_bytes ? format.bytes(stats.resident_memory_bytes) : '–'],
      `${format.bytes(zlib)} of it for compression`);
    const busiest = Math.max(0, ...stats.event_loops.map(({ load }) => load));
    tiles.loops.show([[format.percent(busiest * 100), stats.event_loops.length > 1 ? 'the busiest' : '']], '');
    keepChildren(meters, stats.event_loops.map((loop, index) => ({ ...loop, index })), ({ index }) => index,
      () => make('div', { class: 'meter' }, make('span'), make('div', { class: 'track' }, make('div')), make('span')),
      (row, loop) => {
        setText(row.children[0], `loop ${loop.index + 1}`);
        const fill = row.children[1].firstChild;
        setAttribute(fill, 'class', `fill ${loop.load > 0.9 ? 'bad' : loop.load > 0.7 ? 'warn' : ''}`.trim());
        fill.style.width = `${Math.max(1, Math.round(loop.load * 100))}%`;
        setText(row.children[2], format.percent(loop.load * 100));
        setAttribute(row, 'title', `${format.plural(loop.active, 'WebSocket')}`);
      });
    for (const one of Object.values(tiles)) one.draw();

    const reasons = Object.entries(connections.rejected_total).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
    refusals.show(reasons.map(([reason, count]) => ({
      reason, count, rate: rateOf(s => s.connections.rejected_total[reason] ?? 0) })));
    closes.show(closeRows(Object.values(stats.routes)));
    noRefusals.hidden = reasons.length > 0;
    refusals.element.hidden = !reasons.length;
    closes.element.hidden = !closes.element.tBodies[0].children.length;
    noCloses.hidden = !closes.element.hidden;
    facts.show([
      ['Version', stats.version],
      ['Up for', format.age(stats.uptime_seconds)],
      ['Configuration loaded', new Date(stats.configuration.loaded_at_seconds * 1000).toLocaleString('en-GB')],
      ['Reloads', `${format.count(stats.configuration.reloads_total.applied)} applied, ${
        format.count(stats.configuration.reloads_total.refused)} refused`],
      ['Client connections', `${format.count(stats.transports.active)} open, ${
        format.count(stats.transports.accepted_total)} in all`],
      ['HTTP/2 with clients', http2Words(stats.http2.client)],
      ['HTTP/2 with servers', http2Words(stats.http2.server)],
      ['Plain requests', `${format.count(totalOf(stats, r => r.requests.total))} in all, ${
        format.count(totalOf(stats, r => r.requests.active))} in progress`],
    ]);
  };
}

const http2Words = side =>
  `${format.plural(side.connections, 'connection')}, ${format.plural(side.streams, 'stream')}`;

/** Close codes of some routes, added up by code, the most frequent first. */
function closeRows(routes) {
  const rows = new Map();
  for (const { close_codes: sides } of routes) {
    for (const [side, codes] of Object.entries(sides)) {
      for (const [code, count] of Object.entries(codes)) {
        const row = rows.get(code) ?? { code, total: 0 };
        row[side] = (row[side] ?? 0) + count;
        row.total += count;
        rows.set(code, row);
      }
    }
  }
  return [...rows.values()].sort((a, b) => b.total - a.total || a.code.localeCompare(b.code));
}
