// Two servers, WebSockets on them, and a drain that moves them.
const upstream = 'backend';
const fleetSize = 8;
const drainRate = '4/s';

function buildDrain() {
  const addresses = document.body.dataset.servers.split(' ').filter(Boolean);
  const words = byId('drain-words');
  const log = byId('drain-title').parentElement.querySelector('[role=log]');
  const moves = makeMessageLog(log);
  const list = byId('sockets');
  const button = byId('fleet').querySelector('button');
  const places = Array.from({ length: fleetSize }, (_, index) => makePlace(index + 1));
  let isOpen = false;

  // The servers, as the gateway sees them.
  const cards = addresses.map((address, index) => {
    const name = `Server ${index + 1}`;
    const badge = make('span', { class: 'badge' }, '–');
    const count = make('span', { class: 'count' });
    const fill = make('div', { class: 'fill' });
    const order = make('button', {
      type: 'button', 'data-server': String(index + 1), onclick: () => whileBusy(order, giveOrder),
    }, `Drain server ${index + 1}`);
    async function giveOrder() {
      const drains = order.dataset.order !== 'undrain';
      const what = drains ? `drain?rate=${encodeURIComponent(drainRate)}` : 'undrain';
      try {
        const answer = await gateway.ask(
          `/upstreams/${upstream}/servers/${encodeURIComponent(address)}/${what}`, 'POST');
        const { sockets } = await answer.json();
        setText(words, drains
          ? `The gateway drains server ${index + 1}. It sends a Close to ${plural(sockets, 'WebSocket')}, and gives `
            + 'new ones to the other server.'
          : `Server ${index + 1} gets WebSockets again. Those that are open stay where they are.`);
        await gateway.stats();
      } catch (error) {
        setText(words, error.message);
      }
    }
    const element = make('div', { class: 'server', role: 'group', 'aria-label': name },
      make('div', { class: 'heading' }, make('h3', {}, name), badge), make('p', { class: 'muted small mono' }, address),
      make('div', { class: 'track', 'aria-hidden': 'true' }, fill), count, order);
    byId('servers').append(element);
    return { address, badge, count, fill, order, index };
  });

  function showServers() {
    const servers = gateway.figures?.upstreams[upstream]?.servers ?? {};
    const most = Math.max(fleetSize, ...Object.values(servers).map(server => server.active));
    for (const { address, badge, count, fill, order, index } of cards) {
      const server = servers[address];
      const isDrained = server?.state === 'draining';
      const [kind, state] = !server ? ['', 'unknown']
        : isDrained ? ['warn', server.active ? 'draining' : 'drained']
          : server.healthy ? ['good', 'up'] : ['bad', 'failing'];
      setText(badge, state);
      badge.className = `badge ${kind}`.trim();
      setText(count, server ? plural(server.active, 'WebSocket') : 'No figures yet');
      fill.style.width = `${server ? 100 * server.active / most : 0}%`;
      order.dataset.order = isDrained ? 'undrain' : 'drain';
      setText(order, isDrained ? `Bring server ${index + 1} back` : `Drain server ${index + 1}`);
    }
  }

  // The WebSockets, each of which knows its server from what the server said first.
  function makePlace(number) {
    const server = make('span', {}, 'closed');
    const element = make('li', {}, make('span', { class: 'muted' }, `${number}: `), server);
    list.append(element);
    let socket = null;
    let before = null;
    const reconnection = makeReconnection(connect, () => {});

    function show(state, text) {
      element.dataset.server = state;
      setText(server, text);
    }

    function connect() {
      show('', 'connecting');
      const mine = new WebSocket(socketAddress('/server'));
      socket = mine;
      mine.onmessage = ({ data }) => {
        if (socket !== mine) return;
        const now = JSON.parse(data).server;
        reconnection.succeeded();
        show(String(now), `server ${now}`);
        if (before) {
          moves.note('in', `WebSocket ${number} is back on server ${now}`);
          // The stream of figures comes every two seconds; a move is to be seen as it happens.
          gateway.stats().catch(() => {});
        }
        before = null;
      };
      mine.onclose = how => {
        if (socket !== mine) return;
        before = element.dataset.server || before;
        show('', comesBack(how.code) ? 'coming back' : 'closed');
        moves.note(how.wasClean ? 'note' : 'error',
          `WebSocket ${number}${before ? ` left server ${before}` : ' did not open'}: ${closeText(how)}`);
        if (comesBack(how.code)) reconnection.schedule(how.code);
      };
    }

    return {
      open: connect,
      close() {
        reconnection.stop();
        before = null;
        const mine = socket;
        socket = null;
        mine?.close(1000, 'done');
        show('', 'closed');
      },
    };
  }

  byId('fleet').addEventListener('submit', event => {
    event.preventDefault();
    isOpen = !isOpen;
    list.hidden = !isOpen;
    if (isOpen) log.hidden = false;
    for (const place of places) {
      if (isOpen) place.open();
      else place.close();
    }
    setText(button, isOpen ? `Close the ${fleetSize} WebSockets` : `Open ${fleetSize} WebSockets`);
    setText(words, isOpen ? 'Now drain the server that you like, and watch them move.' : '');
  });

  gateway.watch(showServers);
}
