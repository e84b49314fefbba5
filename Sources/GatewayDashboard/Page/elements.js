// Elements that are changed where something has changed, so that nothing flickers and focus stays.
const svgTags = new Set(['svg', 'path', 'line', 'rect']);

/** A new element. Attributes that begin with `on` are listeners; children are elements or text. */
function make(tag, attributes = {}, ...children) {
  const element = svgTags.has(tag)
    ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

function setText(element, text) {
  const next = String(text);
  if (element.textContent !== next) element.textContent = next;
}

function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** The children of `parent`, one for each item, in their order: found again by key, made and removed as needed. */
function keepChildren(parent, items, keyOf, create, update) {
  const known = new Map([...parent.children].map(child => [child.dataset.key, child]));
  let previous = null;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = known.get(key);
    if (child) known.delete(key);
    else {
      child = create(item);
      child.dataset.key = key;
    }
    update?.(child, item);
    const place = previous ? previous.nextSibling : parent.firstChild;
    if (child !== place) parent.insertBefore(child, place);
    previous = child;
  }
  for (const child of known.values()) child.remove();
}

/** A table whose rows follow items. A column has a title and `text` or `node` of an item; `number` aligns it. */
function table(caption, columns, keyOf, options = {}) {
  const body = make('tbody');
  const head = make('tr', {}, columns.map(column => {
    const cell = make('th', { scope: 'col', class: column.number ? 'number' : null });
    if (column.sort && options.onSort) {
      cell.append(make('button', { type: 'button', onclick: () => options.onSort(column) }, column.title));
    } else cell.append(column.title);
    return cell;
  }));
  const element = make('table', { class: options.class ?? null },
    make('caption', { class: 'hidden' }, caption), make('thead', {}, head), body);
  const nodes = new WeakMap();
  const create = item => {
    const cells = columns.map((column, index) => {
      const cell = make(index === 0 ? 'th' : 'td', {
        scope: index === 0 ? 'row' : null, class: column.number ? 'number' : column.class ?? null });
      const node = column.node?.(item);
      if (node) cell.append(node);
      return cell;
    });
    const row = make('tr', {}, cells);
    nodes.set(row, cells);
    return row;
  };
  const update = (row, item) => {
    nodes.get(row).forEach((cell, index) => {
      const column = columns[index];
      if (column.text) setText(cell, column.text(item));
      else column.update?.(cell.firstChild, item);
    });
  };
  return {
    element,
    head: [...head.children],
    show: items => keepChildren(body, items, keyOf, create, update),
  };
}

const scrolling = (label, ...children) =>
  make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, children);

/** Pairs of a name and a value, which are renewed in place. */
function pairs() {
  const element = make('dl', { class: 'pairs' });
  const values = new Map();
  return {
    element,
    show(entries) {
      const wanted = entries.filter(([, value]) => value !== null && value !== undefined && value !== '');
      const names = wanted.map(([name]) => name).join('\n');
      if (element.dataset.names !== names) {
        element.dataset.names = names;
        values.clear();
        element.replaceChildren(...wanted.flatMap(([name]) => {
          const value = make('dd');
          values.set(name, value);
          return [make('dt', {}, name), value];
        }));
      }
      for (const [name, value] of wanted) setText(values.get(name), value);
    },
  };
}

/** A word in a frame: `good`, `warn`, `bad` or nothing. */
function setBadge(element, kind, text) {
  setAttribute(element, 'class', `badge ${kind}`.trim());
  setText(element, text);
}

const byId = id => document.getElementById(id);
