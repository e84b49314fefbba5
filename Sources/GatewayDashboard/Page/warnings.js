// The latest warnings and errors of the log.
function buildWarnings(section) {
  const entries = make('ul', { class: 'log' });
  const none = make('p', { class: 'empty' }, 'No warnings and no errors since the start.');
  section.append(make('article', { class: 'card' },
    make('header', {}, make('h2', {}, 'Latest warnings and errors')), none, entries));
  const count = byId('log-count');
  let seen = new Set();
  const keyOf = entry => `${entry.time} ${entry.message} ${JSON.stringify(entry.fields)}`;
  return kind => {
    if (kind !== 'warnings' && kind !== 'page') return;
    const repeats = new Map();
    const keyed = store.warnings.map(entry => {
      const key = keyOf(entry);
      const number = repeats.get(key) ?? 0;
      repeats.set(key, number + 1);
      return { entry, key: `${key} ${number}` };
    });
    keepChildren(entries, keyed, ({ key }) => key, ({ entry }) => make('li', {},
      make('div', { class: 'head' },
        make('span', { class: `badge ${entry.level === 'warning' ? 'warn' : 'bad'}` }, entry.level),
        make('time', { datetime: entry.time, class: 'muted small' }, new Date(entry.time).toLocaleString('en-GB')),
        make('strong', {}, entry.message)),
      Object.keys(entry.fields).length ? make('p', { class: 'fields mono' },
        Object.entries(entry.fields).sort().map(([key, value]) => `${key}=${value}`).join('  ')) : null));
    none.hidden = keyed.length > 0;
    if (!section.hidden) seen = new Set(keyed.map(({ key }) => key));
    const fresh = keyed.filter(({ key }) => !seen.has(key)).length;
    count.hidden = fresh === 0;
    setText(count, fresh);
    setAttribute(count, 'aria-label', format.plural(fresh, 'new entry', 'new entries'));
  };
}
