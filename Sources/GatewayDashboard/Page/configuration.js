// The configuration in force, and its certificates.
function daysLeft(certificate) {
  const days = Math.floor((certificate.not_after - Date.now() / 1000) / 86400);
  if (days < 0) return ['bad', `expired ${format.plural(-days, 'day')} ago`];
  if (days === 0) return ['bad', 'less than a day'];
  return [days < 7 ? 'bad' : days < 30 ? 'warn' : 'good', format.plural(days, 'day')];
}

function buildConfiguration(section) {
  section.classList.add('config', 'stack');
  const file = make('p', { class: 'muted' });
  const content = make('div', { class: 'stack' });
  section.append(file, content);
  let shown = null;

  const certificates = list => {
    const rows = table('Certificates', [
      { title: 'Listener', text: row => row.listener },
      { title: 'Names', class: 'break', text: row => row.names.join(', ') || row.subject },
      { title: 'Issuer', class: 'break', text: row => row.issuer },
      { title: 'Valid until', text: row => format.day(new Date(row.not_after * 1000)) },
      { title: 'Left', node: () => make('span', { class: 'badge' }), update: (badge, row) => setBadge(badge, ...daysLeft(row)) },
      { title: 'File', class: 'break mono', text: row => row.file },
    ], row => `${row.listener} ${row.file}`);
    rows.show(list);
    return make('article', { class: 'card' }, make('h2', {}, 'Certificates'), scrolling('Certificates', rows.element));
  };
  const item = ({ name, lines }) => {
    const list = pairs();
    list.show(lines.map(({ key, value }) => [key, value]));
    return name ? make('details', { open: lines.length < 16 }, make('summary', {}, name), list.element) : list.element;
  };

  return () => {
    const configuration = store.configuration;
    if (!configuration || shown === configuration || !configuration.sections) return;
    shown = configuration;
    setText(file, configuration.file ? `The gateway read this from ${configuration.file}. This page hides secrets.`
      : 'The gateway started without a file. This page hides secrets.');
    content.replaceChildren(...[
      configuration.certificates.length ? certificates(configuration.certificates) : null,
      configuration.warnings.length ? make('article', { class: 'card' }, make('h2', {}, 'Warnings'),
        make('ul', { class: 'log' }, configuration.warnings.map(warning => make('li', {},
          `line ${warning.line}: ${warning.message}`)))) : null,
      ...configuration.sections.filter(({ items }) => items.length).map(({ title, items }) =>
        make('article', { class: 'card' }, make('h2', {}, title), make('div', { class: 'items' }, items.map(item)))),
    ].filter(Boolean));
  };
}
