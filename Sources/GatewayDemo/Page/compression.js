// The same texts with and without compression, by the gateway's own count of bytes.
const textSize = 16384;
const textCount = 5;

const samples = {
  json(number) {
    const orders = [];
    const text = () => JSON.stringify({ page: number, orders });
    for (let id = number * 1000; text().length < textSize - 130; id += 1) {
      const price = (id * 37 % 9973) / 100;
      orders.push({ id, customer: `customer-${id % 17}`, currency: 'EUR', price, shipped: id % 3 === 0 });
    }
    return text().padEnd(textSize, ' ');
  },
  log(number) {
    const lines = [];
    const digits = value => String(value).padStart(2, '0');
    for (let line = 0; line * 40 < textSize; line += 1) {
      const what = `GET /items/${line * 7919 % 1000} 200 in ${line * 31 % 90} ms`;
      lines.push(`12:${digits(number)}:${digits(line % 60)} info  ${what}`);
    }
    return lines.join('\n').padEnd(textSize, ' ').slice(0, textSize);
  },
  random() {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    return Array.from(crypto.getRandomValues(new Uint8Array(textSize)), byte => letters[byte & 63]).join('');
  },
};

/** Payload on the browser's side as it is on the wire: what the applications see, less what compression has saved. */
function wireBytes({ bytes, compression: c }) {
  return {
    up: bytes.from_client - (c.inflated_bytes_after - c.inflated_bytes_before),
    down: bytes.to_client - (c.bytes_before - c.bytes_after),
  };
}

const messagesTo = (figures, route) => figures.routes[route].messages.to_client.text;

/** Sends the texts over a route, each after the last one has come back: the bytes on the browser's side. */
async function measure(route, path, texts) {
  const before = await gateway.stats();
  const { socket, ended } = await openSocket(path);
  try {
    for (const text of texts) {
      const echo = new Promise(done => socket.addEventListener('message', ({ data }) => done(data), { once: true }));
      socket.send(text);
      const back = await Promise.race([echo, ended.then(how => { throw new Error(`closed with ${closeText(how)}`); })]);
      if (back !== text) throw new Error('The echo is not what the page sent.');
    }
    const after = await until(async () => {
      const figures = await gateway.stats();
      return messagesTo(figures, route) >= messagesTo(before, route) + texts.length && figures;
    }, 5);
    if (!after) throw new Error('The gateway has not counted the messages.');
    const [first, last] = [wireBytes(before.routes[route]), wireBytes(after.routes[route])];
    return { up: last.up - first.up, down: last.down - first.down };
  } finally {
    socket.close(1000);
  }
}

function buildCompression() {
  const form = byId('compression');
  const words = byId('compression-words');
  const region = form.parentElement.querySelector('.scroll');
  const body = region.querySelector('tbody');
  const row = (name, plain, { up, down }) => make('tr', {},
    make('th', { scope: 'row' }, name), make('td', { class: 'number' }, inBytes(plain)),
    make('td', { class: 'number' }, inBytes(up)), make('td', { class: 'number' }, inBytes(down)),
    make('td', { class: 'number' }, up + down < 2 * plain ? inPercent(1 - (up + down) / (2 * plain)) : 'nothing'));

  form.addEventListener('submit', event => {
    event.preventDefault();
    whileBusy(form.querySelector('button'), async () => {
      setText(words, 'Sending…');
      const texts = Array.from({ length: textCount }, (_, number) => samples[byId('sample').value](number));
      const plain = texts.reduce((sum, text) => sum + text.length, 0);
      try {
        const compressed = await measure('compression-on', '/compression/on', texts);
        const verbatim = await measure('compression-off', '/compression/off', texts);
        body.replaceChildren(row('With compression', plain, compressed), row('Without', plain, verbatim));
        region.hidden = false;
        const [less, more] = [compressed.up + compressed.down, verbatim.up + verbatim.down];
        const share = inPercent(1 - less / more);
        setText(words, `${inBytes(more)} without compression became ${inBytes(less)} with it: ${share} less.`);
      } catch (error) {
        setText(words, error.message);
      }
    });
  });
}
