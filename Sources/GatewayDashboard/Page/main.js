// The page: which section is shown, how the gateway stands, and whether it is there.
const sections = ['overview', 'routes', 'upstreams', 'connections', 'configuration', 'log'];
const refreshers = {
  overview: buildOverview(byId('overview')), routes: buildRoutes(byId('routes')),
  upstreams: buildUpstreams(byId('upstreams')), connections: buildConnections(byId('connections')),
  configuration: buildConfiguration(byId('configuration')), log: buildWarnings(byId('log')),
};
let current = null;

const loading = make('div', { class: 'loading', 'aria-busy': 'true' },
  make('p', { class: 'hidden' }, 'Loading the figures of the gateway'), make('div'), make('div'), make('div'));
byId('main').append(loading);

function showSection() {
  const asked = location.hash.replace('#/', '');
  const next = sections.includes(asked) ? asked : 'overview';
  if (next === current) return;
  current = next;
  for (const link of document.querySelectorAll('.tabs a')) {
    setAttribute(link, 'aria-current', link.hash === `#/${current}` ? 'page' : null);
  }
  document.title = `${current[0].toUpperCase()}${current.slice(1)} – Sluice`;
  if (current === 'connections') loadConnections();
  refresh('page');
}

function refresh(kind) {
  const isKnown = latest() !== null;
  loading.hidden = isKnown || store.connection === 'unauthorised';
  for (const name of sections) byId(name).hidden = !isKnown || name !== current;
  showStanding();
  showOperations();
  if (!isKnown) return;
  refreshers[current](kind);
  if (current !== 'log') refreshers.log(kind);
}

/** Words of the gateway about itself: the badge beside its name, the line below, and what can be asked of it. */
function showStanding() {
  const state = latest();
  const badge = byId('status').firstElementChild;
  const isLive = store.connection === 'live';
  if (store.connection === 'connecting') setBadge(badge, '', 'Connecting');
  else if (store.connection === 'unauthorised') setBadge(badge, 'warn', 'Logged out');
  else if (!isLive) setBadge(badge, 'bad', 'No answer');
  else if (state?.readiness === 'ready') setBadge(badge, 'good', 'Ready');
  else setBadge(badge, state?.readiness === 'draining' ? 'warn' : 'bad',
    { draining: 'Draining', starting: 'Starting', 'no server up': 'No server up' }[state?.readiness] ?? 'Connecting');
  setText(byId('instance'), state
    ? `${location.host} · ${state.stats.version} · up ${format.age(state.stats.uptime_seconds)}` : location.host);
  byId('reload').disabled = !isLive || Boolean(state?.stats.draining);
  byId('drain').disabled = !isLive || Boolean(state?.stats.draining);
  byId('main').classList.toggle('stale', !isLive && state !== null);
  byId('logout').hidden = !isLive || !configured('Admin', '').token || configured('Admin', '').token === 'none';

  const banner = byId('banner');
  const kind = store.connection === 'gone' ? 'gone' : store.connection === 'unauthorised' ? 'unauthorised'
    : isLive && state?.stats.configuration.last_reload_refused ? 'refused' : '';
  // A banner is written once, so that screen readers say it once.
  if (banner.dataset.kind === kind) return;
  banner.dataset.kind = kind;
  banner.hidden = !kind;
  setAttribute(banner, 'class', kind === 'gone' ? 'banner bad' : 'banner');
  banner.replaceChildren(...{
    gone: () => [`The gateway has not answered since ${format.clock(store.goneSince)}. The page tries again by itself.`],
    unauthorised: () => ['Your session has ended.', make('a', { href: '/' }, 'Log in again')],
    refused: () => ['The gateway refused the changed configuration file and keeps the previous configuration.',
      make('a', { href: '#/log' }, 'See the log')],
    '': () => [],
  }[kind]());
}

watch(refresh);
addEventListener('hashchange', showSection);
setInterval(() => {
  if (current === 'connections' && store.connection === 'live' && !document.hidden) loadConnections();
}, listInterval);
showSection();
watchGateway();
