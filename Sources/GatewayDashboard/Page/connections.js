// The open WebSockets, searched, sorted and cut into pages by the gateway.
const pageSize = 50;
const listInterval = 3000;
const list = {
  search: '', route: '', server: '', sort: 'age', order: '', offset: 0,
  rows: [], total: 0, loaded: false, problem: '',
  /** Bytes and messages of each row at the look before, by number: rates are made of two. */
  before: new Map(),
};

const hostAndPath = row => `${row.host}${row.path}`;
const protocolWords = row =>
  (row.protocol.client === row.protocol.server ? row.protocol.client : `${row.protocol.client} → ${row.protocol.server}`)
  + (row.legacy_version ? ` (draft ${row.legacy_version})` : '');
const compressionWords = row => row.compression.split(';')[0].replace('permessage-', '');

/** Figures a second since the look before, or null at the first. */
function ratesOf(row) {
  const before = list.before.get(row.id);
  if (!before) return null;
  const passed = row.age_seconds - before.age;
  if (passed <= 0) return before.rates;
  const rate = (kind, way) => Math.max(0, row[kind][way] - before[kind][way]) / passed;
  return {
    messagesIn: rate('messages', 'from_client'), messagesOut: rate('messages', 'to_client'),
    bytesIn: rate('bytes', 'from_client'), bytesOut: rate('bytes', 'to_client'),
  };
}

/** Takes the rows of a look, each with its rates. */
function takeRows(rows, total) {
  for (const row of rows) row.rates = ratesOf(row);
  list.before = new Map(rows.map(row => [row.id, {
    age: row.age_seconds, messages: row.messages, bytes: row.bytes, rates: row.rates }]));
  list.rows = rows;
  list.total = total;
  list.loaded = true;
}

let listNumber = 0;

async function loadConnections() {
  listNumber += 1;
  const number = listNumber;
  const { search, route, server, sort, order, offset } = list;
  try {
    const answer = await ask(`/connections${query({ search, route, server, sort, order, offset, limit: pageSize })}`);
    const rows = await answer.json();
    // Only the latest question counts.
    if (number !== listNumber) return;
    takeRows(rows, Number(answer.headers.get('X-Total-Count') ?? rows.length));
    list.problem = '';
  } catch (error) {
    if (number !== listNumber) return;
    list.problem = error.message;
  }
  tell('connections');
}

function buildConnections(section) {
  const columns = [
    { title: 'Client', sort: 'client', class: 'break', node: row => make('button', {
      type: 'button', class: 'link', onclick: () => openConnection(row.id) }, row.client) },
    { title: 'Host and path', sort: 'path', class: 'break', text: hostAndPath },
    { title: 'Route', sort: 'route', class: 'break', text: row => row.route },
    { title: 'Server', sort: 'server', class: 'break', text: row => row.server },
    { title: 'Protocol', sort: 'protocol', text: protocolWords },
    { title: 'Age', sort: 'age', number: true, text: row => format.age(row.age_seconds) },
    { title: 'Messages', sort: 'messages', number: true,
      text: row => format.count(row.messages.from_client + row.messages.to_client) },
    { title: 'Bytes', sort: 'bytes', number: true, text: row => format.bytes(row.bytes.from_client + row.bytes.to_client) },
    { title: 'In', number: true, text: row => (row.rates ? format.byteRate(row.rates.bytesIn) : '–') },
    { title: 'Out', number: true, text: row => (row.rates ? format.byteRate(row.rates.bytesOut) : '–') },
    { title: 'Mean rate', sort: 'rate', number: true, text: row =>
      format.byteRate((row.bytes.from_client + row.bytes.to_client) / Math.max(row.age_seconds, 0.001)) },
    { title: 'Queue', sort: 'queue', number: true, text: row => format.bytes(row.queue.to_client + row.queue.to_server) },
    { title: 'Compression', sort: 'compression', text: compressionWords },
  ];
  const descendingFirst = new Set(['age', 'messages', 'bytes', 'rate', 'queue']);
  const isDescending = () => (list.order ? list.order === 'desc' : descendingFirst.has(list.sort));
  const rows = table('Open WebSockets', columns, row => row.id, {
    class: 'rows',
    onSort(column) {
      if (list.sort === column.sort) list.order = isDescending() ? 'asc' : 'desc';
      else Object.assign(list, { sort: column.sort, order: '' });
      list.offset = 0;
      loadConnections();
    },
  });
  let typing;
  const search = make('input', { type: 'search', placeholder: 'address, host, path, route, request, number',
    maxlength: '200', spellcheck: 'false', oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        Object.assign(list, { search: search.value.trim(), offset: 0 });
        loadConnections();
      }, 250);
    } });
  const choice = (title, key) => {
    const select = make('select', { onchange: () => {
      Object.assign(list, { [key]: select.value, offset: 0 });
      loadConnections();
    } });
    return { select, element: make('label', {}, title, select) };
  };
  const route = choice('Route', 'route');
  const server = choice('Server', 'server');
  const options = (select, names, any, value) => {
    // A filter stays where what it names has gone.
    const all = [''].concat(names.includes(value) || !value ? names : names.concat(value));
    keepChildren(select, all, name => name, name => make('option', { value: name }, name || any));
    if (select.value !== value) select.value = value;
  };
  const turn = (title, step) => make('button', { type: 'button', onclick: () => {
    list.offset = Math.max(0, list.offset + step * pageSize);
    loadConnections();
  } }, title);
  const [back, forward] = [turn('Previous', -1), turn('Next', 1)];
  const summary = make('p', { class: 'muted', 'aria-live': 'polite' });
  const none = make('p', { class: 'empty' });
  section.append(make('article', { class: 'card' },
    make('header', {}, make('h2', {}, 'Connections'),
      make('button', { type: 'button', class: 'danger', onclick: openCloseMany }, 'Close many…')),
    make('div', { class: 'filters' }, make('label', {}, 'Search', search), route.element, server.element),
    scrolling('Open WebSockets', rows.element), none,
    make('div', { class: 'pages' }, summary, make('div', {}, back, forward))));

  list.refreshFields = () => {
    if (document.activeElement !== search && search.value.trim() !== list.search) search.value = list.search;
  };
  return () => {
    const stats = latest()?.stats;
    if (!stats) return;
    list.refreshFields();
    options(route.select, Object.keys(stats.routes).sort(), 'any route', list.route);
    const servers = Object.values(stats.upstreams).flatMap(upstream => Object.keys(upstream.servers));
    options(server.select, [...new Set(servers)].sort(), 'any server', list.server);
    rows.show(list.rows);
    columns.forEach((column, index) => {
      setAttribute(rows.head[index], 'aria-sort',
        column.sort === list.sort ? (isDescending() ? 'descending' : 'ascending') : null);
    });
    rows.element.hidden = !list.rows.length;
    none.hidden = list.rows.length > 0;
    setText(none, list.problem || (!list.loaded ? 'Loading…'
      : list.search || list.route || list.server ? 'No WebSocket matches.' : 'No WebSocket is open.'));
    const first = list.rows.length ? list.offset + 1 : 0;
    setText(summary, list.loaded
      ? `${format.count(first)} to ${format.count(list.offset + list.rows.length)} of ${format.count(list.total)}` : '');
    back.disabled = list.offset === 0;
    forward.disabled = list.offset + list.rows.length >= list.total;
  };
}

/** Leads to the list with these filters. */
function showConnections(filters) {
  Object.assign(list, filters, { offset: 0, loaded: false, rows: [] });
  location.hash = '#/connections';
  loadConnections();
}

const sendableCodes = [
  ['1008', '1008 policy'], ['1000', '1000 normal'], ['1001', '1001 going away'], ['1011', '1011 internal error'],
  ['1012', '1012 restart'], ['1013', '1013 try again later'],
];

/** Fields for the code and the reason of a Close. */
function closeFields() {
  const code = make('input', { list: 'close-codes', value: '1008', inputmode: 'numeric', required: true,
    pattern: '100[0-3]|100[7-9]|101[0-4]|[34][0-9]{3}', title: '1000 to 1003, 1007 to 1014 or 3000 to 4999' });
  const reason = make('input', { maxlength: '123', placeholder: 'none' });
  return {
    elements: [make('label', {}, 'Code', code), make('label', { class: 'grow' }, 'Reason', reason),
      make('datalist', { id: 'close-codes' }, sendableCodes.map(([value, text]) => make('option', { value }, text)))],
    get parameters() { return { code: code.value, reason: reason.value }; },
  };
}

function openConnection(id) {
  openDialog(`WebSocket ${id}`, (body, dialog) => {
    const facts = pairs();
    const fields = closeFields();
    const button = make('button', { type: 'submit', class: 'danger' }, 'Close it');
    body.append(facts.element, make('div', {}, make('h3', {}, 'Send both sides a Close'),
      make('form', { onsubmit: async event => {
        event.preventDefault();
        const done = await attempt(button, async () => {
          await ask(`/connections/${id}${query(fields.parameters)}`, 'DELETE');
          return `The gateway closes WebSocket ${id}.`;
        });
        if (done) {
          dialog.close();
          setTimeout(loadConnections, 300);
        }
      } }, fields.elements, button)));
    let known = null;
    return () => {
      const row = list.rows.find(one => one.id === id);
      if (row) known = row;
      if (!known) return;
      const rates = known.rates;
      const legs = (name, shared) => shared && [`${name} connection`,
        `HTTP/2 connection ${shared.id}, ${format.plural(shared.streams, 'stream')}`];
      facts.show([
        ['State', row ? null : 'ended, or on another page of the list'],
        ['Client', known.client], ['Host and path', hostAndPath(known)], ['Listener', known.listener],
        ['Route', known.route], ['Server', known.server], ['Protocol', protocolWords(known)],
        ['Request', known.request_id], ['Age', format.age(known.age_seconds)],
        ['Messages', `${format.count(known.messages.from_client)} in, ${format.count(known.messages.to_client)} out`],
        ['Bytes', `${format.bytes(known.bytes.from_client)} in, ${format.bytes(known.bytes.to_client)} out`],
        ['Now', rates && `${format.rate(rates.messagesIn)} messages/s and ${format.byteRate(rates.bytesIn)} in, ${
          format.rate(rates.messagesOut)} messages/s and ${format.byteRate(rates.bytesOut)} out`],
        ['Queue', `${format.bytes(known.queue.to_client)} for the client, ${format.bytes(known.queue.to_server)} for the server`],
        ['Compression', known.compression],
        ...[legs('Client', known.client_connection), legs('Server', known.server_connection)].filter(Boolean),
      ]);
    };
  });
}

function openCloseMany() {
  openDialog('Close many WebSockets', (body, dialog) => {
    const fields = closeFields();
    const field = (title, value) => {
      const input = make('input', { value, placeholder: 'any' });
      return { input, element: make('label', { class: 'grow' }, title, input) };
    };
    const route = field('Route', list.route);
    const server = field('Server', list.server);
    const ip = field('Client address', '');
    const rate = rateField('all at once');
    const button = make('button', { type: 'submit', class: 'danger' }, 'Close them');
    body.append(make('p', {}, 'The gateway closes the WebSockets that match every field. ',
      'Fill in at least one of route, server and address.'),
      make('form', { onsubmit: async event => {
        event.preventDefault();
        if (!rate.isValid) return;
        const done = await attempt(button, async () => {
          const answer = await ask(`/connections${query({ route: route.input.value, server: server.input.value,
            ip: ip.input.value, rate: rate.parameter, ...fields.parameters })}`, 'DELETE');
          return `The gateway closes ${format.plural((await answer.json()).closing, 'WebSocket')}.`;
        });
        if (done) dialog.close();
      } }, route.element, server.element, ip.element, rate.element, fields.elements, button));
  });
}
