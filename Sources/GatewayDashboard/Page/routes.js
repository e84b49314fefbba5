// Routes, and each of them one click deeper.
const sumOf = counts => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** What the configuration says of an item of a section, by key. */
function configured(title, name) {
  const section = store.configuration?.sections?.find(one => one.title === title);
  const item = section?.items.find(one => one.name === name);
  return Object.fromEntries((item?.lines ?? []).map(({ key, value }) => [key, value]));
}

function routeTarget(name) {
  const lines = configured('Routes', name);
  return lines.upstream ?? lines.command ?? (lines.redirect && `redirect ${lines.redirect}`)
    ?? (lines.respond && `answer ${lines.respond}`) ?? '–';
}

function routeMatch(name) {
  const lines = configured('Routes', name);
  const path = lines['match.path'] ?? (lines['match.path_prefix'] && `${lines['match.path_prefix']}…`)
    ?? (lines['match.path_regex'] && `~ ${lines['match.path_regex']}`) ?? '';
  return `${lines['match.hosts'] ?? '*'}${path}`;
}

function buildRoutes(section) {
  const rate = (row, pick) => rateOf(stats => stats.routes[row.name] && pick(stats.routes[row.name]));
  const list = table('Routes', [
    { title: 'Route', class: 'break', node: row => make('button', {
      type: 'button', class: 'link', onclick: () => openRoute(row.name) }, row.name) },
    { title: 'Match', class: 'break', text: row => routeMatch(row.name) },
    { title: 'To', class: 'break', text: row => routeTarget(row.name) },
    { title: 'WebSockets', number: true, text: row => format.count(row.active) },
    { title: 'Cap', number: true, text: row => format.cap(row.max_connections) },
    { title: 'Opened', number: true, text: row => `${format.rate(rate(row, r => r.accepted_total))}/s` },
    { title: 'Messages in', number: true, text: row => `${format.rate(rate(row, r => messagesOf(r.messages.from_client)))}/s` },
    { title: 'out', number: true, text: row => `${format.rate(rate(row, r => messagesOf(r.messages.to_client)))}/s` },
    { title: 'Bytes in', number: true, text: row => format.byteRate(rate(row, r => r.bytes.from_client)) },
    { title: 'out', number: true, text: row => format.byteRate(rate(row, r => r.bytes.to_client)) },
    { title: 'Refused', number: true, text: row => format.count(sumOf(row.rejected_total)) },
    { title: 'Handshake p99', number: true,
      text: row => (row.handshake_seconds.count ? format.seconds(row.handshake_seconds.p99) : '–') },
  ], row => row.name, { class: 'rows' });
  const none = make('p', { class: 'empty' }, 'The configuration has no routes.');
  section.append(make('article', { class: 'card' }, make('header', {}, make('h2', {}, 'Routes')), none,
    scrolling('Routes', list.element)));
  return () => {
    const state = latest();
    if (!state) return;
    const rows = Object.entries(state.stats.routes).map(([name, route]) => ({ name, ...route }))
      .sort((a, b) => b.active - a.active || a.name.localeCompare(b.name));
    list.show(rows);
    none.hidden = rows.length > 0;
    list.element.hidden = !rows.length;
  };
}

/** Names and counts, the most frequent first. */
function tally(caption, empty) {
  const list = table(caption, [
    { title: caption, class: 'break', text: ([name]) => name },
    { title: 'Total', number: true, text: ([, count]) => format.count(count) },
  ], ([name]) => name);
  const none = make('p', { class: 'muted' }, empty);
  return {
    element: make('div', {}, list.element, none),
    show(counts) {
      const rows = Object.entries(counts).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
      list.show(rows);
      list.element.hidden = !rows.length;
      none.hidden = rows.length > 0;
    },
  };
}

function openRoute(name) {
  openDialog(`Route ${name}`, (body, dialog) => {
    const facts = pairs();
    const refusals = tally('Refusals', 'The gateway has refused no client on this route.');
    const subprotocols = tally('Subprotocols', 'No WebSocket has a subprotocol.');
    const closes = table('Close codes', [
      { title: 'Close code', text: row => `${row.code} ${closeMeanings[row.code] ?? ''}`.trim() },
      { title: 'Client', number: true, text: row => format.count(row.client ?? 0) },
      { title: 'Server', number: true, text: row => format.count(row.server ?? 0) },
      { title: 'Gateway', number: true, text: row => format.count(row.gateway ?? 0) },
    ], row => row.code);
    const slow = table('Slowest handshakes of the last hour', [
      { title: 'Slowest handshakes', text: row => format.seconds(row.seconds) },
      { title: 'At', text: row => format.clock(new Date(row.time * 1000)) },
      { title: 'Client', class: 'break', text: row => row.client },
      { title: 'Server', class: 'break', text: row => row.server },
      { title: 'Request', class: 'break mono', text: row => row.request_id },
    ], row => row.request_id + row.time);
    body.append(
      facts.element,
      make('div', { class: 'twocol' }, refusals.element, subprotocols.element),
      make('div', {}, closes.element),
      scrolling('Slowest handshakes', slow.element),
      make('p', {}, make('button', { type: 'button', onclick: () => {
        dialog.close();
        showConnections({ route: name, server: '', search: '' });
      } }, 'Show its WebSockets')));
    return () => {
      const state = latest();
      const route = state?.stats.routes[name];
      if (!route) return;
      const lines = configured('Routes', name);
      facts.show([
        ['Match', routeMatch(name)], ['To', routeTarget(name)],
        ['WebSockets', `${format.count(route.active)} open, cap ${format.cap(route.max_connections)}, ${
          format.count(route.accepted_total)} in all`],
        ['Cap for each address', lines.max_connections_per_ip],
        ['HTTP/2 legs', `${format.count(route.protocols.client.h2)} of clients, ${
          format.count(route.protocols.server.h2)} to servers`],
        ['Messages', `${format.count(messagesOf(route.messages.from_client))} from clients, ${
          format.count(messagesOf(route.messages.to_client))} to clients`],
        ['Bytes', `${format.bytes(route.bytes.from_client)} from clients, ${format.bytes(route.bytes.to_client)} to clients`],
        ['Compression', route.compression.bytes_before
          ? `${format.plural(route.compression.active, 'WebSocket')}, ${format.bytes(route.compression.bytes_before)} became ${
            format.bytes(route.compression.bytes_after)}` : `${format.plural(route.compression.active, 'WebSocket')}`],
        ['Handshakes', route.handshake_seconds.count
          ? `half within ${format.seconds(route.handshake_seconds.p50)}, 99 % within ${
            format.seconds(route.handshake_seconds.p99)}` : 'none yet'],
        ['Plain requests', `${format.count(route.requests.total)} in all, ${format.count(route.requests.active)} in progress`],
        ['Extensions refused', Object.keys(route.extensions_refused).join(', ')],
      ]);
      refusals.show(route.rejected_total);
      subprotocols.show(route.subprotocols);
      closes.show(closeRows([route]));
      closes.element.hidden = !closes.element.tBodies[0].children.length;
      slow.show(state.slow_handshakes[name] ?? []);
      slow.element.hidden = !slow.element.tBodies[0].children.length;
    };
  });
}
