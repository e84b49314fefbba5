// The page: the figures on top, the parts below, and how the gateway stands.
const standings = {
  connecting: ['', 'Connecting'],
  live: ['good', 'Gateway is up'],
  gone: ['bad', 'Gateway does not answer'],
  locked: ['good', 'Gateway is up'],
  busy: ['warn', 'Too many pages watch'],
};

function showFigures() {
  const { figures, standing } = gateway;
  const [kind, text] = standing === 'live' && figures.draining ? ['warn', 'Gateway is draining'] : standings[standing];
  const badge = byId('standing').firstElementChild;
  badge.className = `badge ${kind}`.trim();
  setText(badge, text);
  byId('gone').hidden = standing !== 'gone';
  byId('locked').hidden = standing !== 'locked';
  document.querySelector('.figures').hidden = standing === 'locked';
  if (!figures) return;
  const show = (name, value) => setText(document.querySelector(`[data-figure=${name}]`), value);
  const sum = pick => Object.values(figures.routes).reduce((total, route) => total + pick(route), 0);
  const relayed = ({ messages: { from_client: up, to_client: down } }) => up.text + up.binary + down.text + down.binary;
  const saved = ({ compression: c }) =>
    c.bytes_before - c.bytes_after + c.inflated_bytes_after - c.inflated_bytes_before;
  show('open', whole.format(figures.connections.active));
  show('messages', whole.format(sum(relayed)));
  show('saved', inBytes(sum(saved)));
  const refusals = Object.values(figures.connections.rejected_total);
  show('refused', whole.format(refusals.reduce((total, count) => total + count, 0)));
}

gateway.watch(showFigures);
buildCompression();
buildRules();
buildDrain();
buildBeside();
const page = makePanel('Page', makeClient);
const worker = makePanel('Web Worker', makeWorkerClient);
window.sluiceDemo = Object.freeze({ ...page, worker: Object.freeze(worker) });
watchGateway();
