// What was asked for and takes its time, and the buttons that ask for more of it.
const operationWords = {
  close: operation => `Closing WebSockets of ${operation.subject}`,
  'drain server': operation => `Draining ${operation.subject}`,
  rebalance: operation => `Rebalancing ${operation.subject}`,
  reload: () => 'Closing the WebSockets that the reload affects',
};

let drainPeak = 0;

function showOperations() {
  const state = latest();
  const place = byId('operations');
  if (!state) return;
  const rows = state.operations.map(operation => ({
    key: operation.id, text: operationWords[operation.kind]?.(operation) ?? operation.kind,
    done: operation.told, total: operation.total, note: `${format.count(operation.told)} of ${
      format.count(operation.total)} Closes sent${operation.per_second ? `, ${format.rate(operation.per_second)}/s` : ''}` }));
  if (state.reloading) rows.unshift({ key: 'reload', text: 'Reloading the configuration', note: '' });
  const { active } = state.stats.connections;
  drainPeak = state.stats.draining ? Math.max(drainPeak, active) : active;
  if (state.stats.draining) {
    rows.unshift({ key: 'drain', text: 'The gateway is draining', done: drainPeak - active, total: drainPeak,
      note: `${format.plural(active, 'WebSocket')} left` });
  }
  keepChildren(place, rows, ({ key }) => key,
    () => make('div', { class: 'operation' }, make('strong'), make('progress'), make('span')),
    (element, row) => {
      const [title, bar, note] = element.children;
      setText(title, row.text);
      setText(note, row.note);
      setAttribute(bar, 'aria-label', row.text);
      setAttribute(bar, 'max', row.total ? row.total : null);
      setAttribute(bar, 'value', row.total ? row.done : null);
    });
  place.hidden = !rows.length;
}

const changeKinds = ['added', 'changed', 'removed'];

/** What a reload changes, as lines. */
function reloadLines(answer) {
  const lines = [];
  const note = (title, change) => {
    const parts = changeKinds.filter(kind => change?.[kind]?.length)
      .map(kind => `${change[kind].length} ${kind} (${change[kind].join(', ')})`);
    if (parts.length) lines.push([title, parts.join('; ')]);
  };
  note('Listeners', answer.listeners);
  note('Routes', answer.routes);
  note('Upstreams', answer.upstreams);
  for (const [name, change] of Object.entries(answer.servers ?? {})) note(`Servers of ${name}`, change);
  if (answer.sections?.length) lines.push(['Sections', answer.sections.join(', ')]);
  if (answer.restart?.length) lines.push(['Needs a restart', answer.restart.join(', ')]);
  return lines;
}

const socketWords = ({ kept, drained, closed }) =>
  `${format.count(kept)} kept, ${format.count(drained)} drained, ${format.count(closed)} closed`;

/** Answers of a reload that was refused are JSON as well. */
async function askForReload(method) {
  try {
    return await (await ask('/reload', method)).json();
  } catch (error) {
    if (error.status !== 400) throw error;
    return JSON.parse(error.message);
  }
}

function openReload() {
  openDialog('Reload the configuration', (body, dialog) => {
    const place = make('div', { 'aria-live': 'polite' }, make('p', { class: 'muted' }, 'Reading the file…'));
    const apply = make('button', { type: 'button', class: 'primary', disabled: true, onclick: () => attempt(apply, async () => {
      const answer = await askForReload('POST');
      if (!answer.applied) {
        show(answer);
        throw new Refusal(400, 'The gateway refused the configuration and keeps the previous one.');
      }
      dialog.close();
      return `Reloaded: WebSockets ${socketWords(answer.sockets)}.`;
    }) }, 'Reload now');
    const show = answer => {
      if (answer.errors) {
        place.replaceChildren(
          make('p', { class: 'problem' }, 'The gateway can’t use the file and keeps its configuration.'), make('pre', {}, answer.text));
        apply.disabled = true;
        return;
      }
      const lines = reloadLines(answer);
      const list = pairs();
      list.show([['File', answer.file], ...lines, ['Open WebSockets', socketWords(answer.sockets)]]);
      place.replaceChildren(...[
        lines.length ? null : make('p', {}, 'Nothing would change.'), list.element,
        answer.warnings.length ? make('pre', {}, answer.warnings.map(one => `line ${one.line}: ${one.message}`).join('\n')) : null,
      ].filter(Boolean));
      apply.disabled = false;
    };
    body.append(place, make('p', {}, apply));
    askForReload('GET').then(show, error => place.replaceChildren(make('p', { class: 'problem' }, error.message)));
  });
}

function openDrain() {
  openDialog('Drain the gateway', (body, dialog) => {
    const sure = make('input', { type: 'checkbox', required: true });
    const count = make('strong');
    const button = make('button', { type: 'submit', class: 'danger' }, 'Drain and stop');
    const lines = configured('Drain', '');
    body.append(
      make('p', {}, 'The gateway closes every WebSocket between two messages, refuses new ones and stops. '
        + 'You or your service manager must start it again.'),
      make('p', {}, count, ` to close. The gateway spreads the Closes over ${lines.spread ?? 'drain.spread'}, `,
        `and cuts the rest after ${lines.timeout ?? 'drain.timeout'}.`),
      make('form', { onsubmit: async event => {
        event.preventDefault();
        if (await attempt(button, async () => {
          await ask('/drain', 'POST');
          return 'The gateway is draining.';
        })) dialog.close();
      } }, make('label', { class: 'check' }, sure, 'The process may stop.'), button));
    return () => setText(count, format.plural(latest()?.stats.connections.active ?? 0, 'WebSocket'));
  });
}

byId('reload').addEventListener('click', openReload);
byId('drain').addEventListener('click', openDrain);
