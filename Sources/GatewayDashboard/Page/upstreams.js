// Upstreams and their servers: how each stands and why.

/** The badge of a server: its kind and its words. */
function serverStanding(server) {
  if (server.state === 'down') return ['bad', 'down by configuration'];
  if (server.state === 'draining') return ['warn', server.active ? `draining, ${format.count(server.active)} left` : 'drained'];
  if (server.state === 'removed') return ['warn', `removed, ${format.count(server.active)} left`];
  if (server.check?.state === 'unhealthy') return ['bad', 'unhealthy'];
  if (!server.healthy) return ['bad', 'failing'];
  return ['good', 'up'];
}

/** Why it is not up, or what went wrong last. */
function serverReason(server) {
  const parts = [];
  if (server.check?.reason) parts.push(`check: ${server.check.reason}`);
  if (server.last_failure) parts.push(`${server.last_failure.reason}, ${format.age(server.last_failure.age_seconds)} ago`);
  return parts.join('; ') || '–';
}

function buildUpstreams(section) {
  const stack = make('div', { class: 'stack' });
  const none = make('p', { class: 'empty' }, 'The configuration has no upstreams.');
  section.append(none, stack);
  const tables = new Map();

  const create = ({ name }) => {
    const rate = (row, pick) => rateOf(stats => {
      const server = stats.upstreams[name]?.servers[row.address];
      return server && pick(server);
    });
    const list = table(`Servers of ${name}`, [
      { title: 'Server', class: 'break', node: row => make('button', {
        type: 'button', class: 'link', onclick: () => openServer(name, row.address) }, row.address) },
      { title: 'Health', node: () => make('span', { class: 'badge' }),
        update: (badge, row) => setBadge(badge, ...serverStanding(row)) },
      { title: 'WebSockets', number: true, text: row => format.count(row.active) },
      { title: 'Cap', number: true, text: row => (row.max_connections === undefined ? '–' : format.cap(row.max_connections)) },
      { title: 'New', number: true, text: row => `${format.rate(rate(row, s => s.taken_total))}/s` },
      { title: 'Connections', number: true, text: row => format.count(row.connections) },
      { title: 'HTTP/2 streams', number: true, text: row => format.count(row.streams) },
      { title: 'Failures', number: true, text: row => format.count(row.failures_total) },
      { title: 'Last failure', class: 'why', text: serverReason },
    ], row => row.address, { class: 'rows' });
    const facts = make('span', { class: 'muted small' });
    tables.set(name, { list, facts });
    return make('article', { class: 'card' },
      make('header', {},
        make('div', {}, make('h2', {}, name), facts),
        make('button', { type: 'button', onclick: () => openRebalance(name) }, 'Rebalance…')),
      scrolling(`Servers of ${name}`, list.element));
  };

  return () => {
    const state = latest();
    if (!state) return;
    const upstreams = Object.entries(state.stats.upstreams).map(([name, upstream]) => ({ name, ...upstream }))
      .sort((a, b) => a.name.localeCompare(b.name));
    none.hidden = upstreams.length > 0;
    keepChildren(stack, upstreams, ({ name }) => name, create, (card, { name, servers }) => {
      const { list, facts } = tables.get(name);
      const lines = configured('Upstreams', name);
      setText(facts, [lines.protocol, lines.balance, lines.health_check && lines.health_check !== 'none'
        ? lines.health_check : 'no health check'].filter(Boolean).join(' · '));
      list.show(Object.entries(servers).map(([address, server]) => ({ address, ...server }))
        .sort((a, b) => a.address.localeCompare(b.address)));
    });
  };
}

const serverPath = (upstream, address) =>
  `/upstreams/${encodeURIComponent(upstream)}/servers/${encodeURIComponent(address)}`;

function openServer(upstream, address) {
  openDialog(`Server ${address}`, (body, dialog) => {
    const facts = pairs();
    const rate = rateField('spread over drain.spread');
    const drain = make('button', { type: 'submit', class: 'danger' }, 'Drain');
    const undrain = make('button', { type: 'button', onclick: () => attempt(undrain, async () => {
      await ask(`${serverPath(upstream, address)}/undrain`, 'POST');
      return `The gateway sends ${address} WebSockets again.`;
    }) }, 'Undrain');
    const draining = make('form', { onsubmit: event => {
      event.preventDefault();
      if (!rate.isValid) return;
      attempt(drain, async () => {
        const answer = await ask(`${serverPath(upstream, address)}/drain${query({ rate: rate.parameter })}`, 'POST');
        return `The gateway closes ${format.plural((await answer.json()).sockets, 'WebSocket')} of ${address}.`;
      });
    } }, rate.element, drain, undrain);
    body.append(facts.element,
      make('div', {}, make('h3', {}, 'Send no new WebSockets, and close those it has'), draining),
      make('p', {}, make('button', { type: 'button', onclick: () => {
        dialog.close();
        showConnections({ server: address, route: '', search: '' });
      } }, 'Show its WebSockets')));
    return () => {
      const server = latest()?.stats.upstreams[upstream]?.servers[address];
      if (!server) return facts.show([['State', 'gone; the configuration does not name it, and nothing uses it']]);
      facts.show([
        ['Upstream', upstream], ['Named in the file', server.name], ['Health', serverStanding(server)[1]],
        ['WebSockets', `${format.count(server.active)}${
          server.max_connections === undefined ? '' : `, cap ${format.cap(server.max_connections)}`}`],
        ['Weight', server.weight],
        ['Connections', format.count(server.connections)],
        ['HTTP/2 streams', format.count(server.streams)],
        ['WebSockets and requests since the start', format.count(server.taken_total)],
        ['Failures', format.count(server.failures_total)],
        ['Last failure', server.last_failure
          ? `${server.last_failure.reason}, ${format.age(server.last_failure.age_seconds)} ago` : 'none'],
        ['Check', server.check && [server.check.state, server.check.reason,
          server.check.last_seconds !== undefined && `took ${format.seconds(server.check.last_seconds)}`]
          .filter(Boolean).join(', ')],
      ]);
    };
  });
}

function openRebalance(upstream) {
  openDialog(`Rebalance ${upstream}`, (body, dialog) => {
    const rate = rateField('spread over drain.spread');
    const button = make('button', { type: 'submit', class: 'primary' }, 'Rebalance');
    body.append(
      make('p', {}, 'The gateway closes the oldest WebSockets that a fuller server has above its share by weight. Their clients '
        + 'reconnect, and the gateway sends them to emptier servers.'),
      make('form', { onsubmit: async event => {
        event.preventDefault();
        if (!rate.isValid) return;
        const done = await attempt(button, async () => {
          const answer = await ask(
            `/upstreams/${encodeURIComponent(upstream)}/rebalance${query({ rate: rate.parameter })}`, 'POST');
          const { sockets } = await answer.json();
          return sockets ? `The gateway closes ${format.plural(sockets, 'WebSocket')}.` : 'The servers are in balance.';
        });
        if (done) dialog.close();
      } }, rate.element, button));
  });
}
