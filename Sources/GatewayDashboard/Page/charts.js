// Small charts of the last half hour.
const chartWidth = 360;
const chartHeight = 56;
/** What a chart spans at least, in samples: a young gateway has its chart stretched. */
const leastSpan = 24;

const spanOf = history => Math.min(history.capacity, Math.max(leastSpan, history.rows.length)) - 1;

/**
 * A chart of one or two series.
 *
 * @param title what it shows, for those who can't see it
 * @param series each with a name and `pick`, which makes a value of a sample
 * @param say makes text of a value
 * @param top the largest value, where that is fixed
 */
function chart(title, series, say, { top = null } = {}) {
  const svg = make('svg', {
    viewBox: `0 0 ${chartWidth} ${chartHeight}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': title });
  svg.append(make('line', { class: 'base', x1: 0, x2: chartWidth, y1: chartHeight, y2: chartHeight }));
  const area = make('path', { class: 'area' });
  const lines = series.map((_, index) => make('path', { class: index ? 'line second' : 'line' }));
  const cursor = make('line', { class: 'cursor', y1: 0, y2: chartHeight, visibility: 'hidden' });
  svg.append(area, ...lines, cursor);
  const left = make('span');
  const key = make('span', { class: 'key' }, series.length > 1
    ? series.map(({ name }, index) => make('span', { class: index ? 'second' : null }, name)) : []);
  const right = make('span');
  const element = make('figure', { class: 'chart' }, svg, make('figcaption', {}, left, key, right));
  let shown = null;
  let pointed = null;

  const draw = () => {
    const history = store.history;
    if (shown === history) return;
    shown = history;
    const values = series.map(({ pick }) => history.rows.map(row => pick(sample(row))));
    const largest = top ?? Math.max(...values.flat(), 0);
    const height = value => chartHeight - (largest > 0 ? Math.min(1, value / largest) : 0) * (chartHeight - 3);
    const place = index => chartWidth - (history.rows.length - 1 - index) * chartWidth / spanOf(history);
    values.forEach((list, number) => {
      const points = list.map((value, index) => `${place(index).toFixed(1)},${height(value).toFixed(1)}`);
      setAttribute(lines[number], 'd', points.length > 1 ? `M${points.join('L')}` : '');
      if (number === 0) {
        setAttribute(area, 'd', points.length > 1
          ? `M${place(0).toFixed(1)},${chartHeight}L${points.join('L')}V${chartHeight}Z` : '');
      }
    });
    const latestValues = values.map(list => list.at(-1) ?? 0);
    const words = series.map(({ name }, index) => `${name} ${say(latestValues[index])}`).join(', ');
    setAttribute(svg, 'aria-label',
      `${title}, last ${format.age(history.rows.length * history.interval)}: now ${words}; highest ${say(largest)}`);
    if (pointed === null) {
      setText(left, history.rows.length > 1 ? `${format.age(history.rows.length * history.interval)} ago` : 'gathering');
      setText(right, `max ${say(largest)}`);
    } else point();
  };

  const point = () => {
    const history = shown;
    if (!history?.rows.length) return;
    const back = Math.round((1 - pointed) * spanOf(history));
    const index = Math.max(0, history.rows.length - 1 - back);
    const row = sample(history.rows[index]);
    const age = (history.rows.length - 1 - index) * history.interval;
    const x = chartWidth - (history.rows.length - 1 - index) * chartWidth / spanOf(history);
    setAttribute(cursor, 'x1', x);
    setAttribute(cursor, 'x2', x);
    setAttribute(cursor, 'visibility', 'visible');
    setText(left, format.clock(new Date((history.time - age) * 1000)));
    setText(right, series.map(({ pick }) => say(pick(row))).join(' · '));
  };

  svg.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect();
    pointed = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    point();
  });
  svg.addEventListener('pointerleave', () => {
    pointed = null;
    setAttribute(cursor, 'visibility', 'hidden');
    shown = null;
    draw();
  });
  return { element, draw };
}

/** A sample by the names of its columns; `loads` has one for each event loop. */
function sample(row) {
  const { names } = store.history;
  const named = Object.fromEntries(names.map((name, index) => [name, row[index]]));
  named.loads = row.slice(names.length);
  return named;
}
