// Lists of what happened, the latest at the end.
const maxEntries = 200;
const maxPreview = 300;

const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ');

function bytesOf(text) {
  const digits = text.replace(/[\s,:]+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error('Expected pairs of hex digits, such as 00 7f ff.');
  return Uint8Array.from(digits.match(/../g) || [], pair => parseInt(pair, 16));
}

function preview(data) {
  if (typeof data === 'string') return data.length > maxPreview ? data.slice(0, maxPreview) + '…' : data;
  const bytes = new Uint8Array(data.buffer || data);
  return hex(bytes.subarray(0, maxPreview / 6)) + (bytes.length > maxPreview / 6 ? ' …' : '');
}

function sizeOf(data) {
  const isText = typeof data === 'string';
  const bytes = isText ? new TextEncoder().encode(data).length : data.byteLength;
  return `${isText ? 'text' : 'binary'}, ${plural(bytes, 'byte')}`;
}

/** What a line of the chat says; nothing if it is none. */
function chatLine(data) {
  try {
    const line = JSON.parse(data);
    return typeof line.from === 'string' && typeof line.text === 'string' ? line : null;
  } catch {
    return null;
  }
}

/** Adds to the list in `log` (an element that scrolls). `kind` is `in`, `out`, `error` or `note`. */
function makeMessageLog(log) {
  const list = log.querySelector('ol');
  const marks = { in: '↓', out: '↑', error: '!', note: '·' };
  return {
    clear: () => list.replaceChildren(),
    note(kind, label, detail) {
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      list.append(make('li', {},
        make('time', {}, new Date().toLocaleTimeString('en-GB')),
        make('span', { class: kind, 'aria-hidden': 'true' }, marks[kind]),
        make('p', {}, make('span', { class: kind === 'error' ? 'error' : 'muted' },
          detail === undefined ? label : `${label} `), detail ?? '')));
      while (list.childElementCount > maxEntries) list.firstElementChild.remove();
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    },
  };
}
