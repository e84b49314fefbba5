// Numbers, sizes and times in words.
const whole = new Intl.NumberFormat('en');
const oneDigit = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

const format = {
  count: value => whole.format(Math.round(value)),

  rate(value) {
    if (value > 0 && value < 0.05) return '<0.1';
    return value < 100 ? oneDigit.format(value) : whole.format(Math.round(value));
  },

  bytes(value) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    let size = Math.max(0, value);
    let unit = 0;
    while (size >= 1000 && unit < units.length - 1) {
      size /= 1024;
      unit += 1;
    }
    const digits = unit === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
    return `${size.toFixed(digits)} ${units[unit]}`;
  },

  byteRate: value => `${format.bytes(value)}/s`,

  percent(value) {
    if (!Number.isFinite(value)) return '–';
    return `${value < 9.95 && value > 0 ? oneDigit.format(value) : Math.round(value)} %`;
  },

  /** A short duration, such as that of a handshake. */
  seconds(value) {
    if (value < 0.001) return `${Math.round(value * 1e6)} µs`;
    if (value < 1) return `${value < 0.01 ? (value * 1000).toFixed(1) : Math.round(value * 1000)} ms`;
    return value < 60 ? `${oneDigit.format(value)} s` : format.age(value);
  },

  /** A long one, in its two largest units. */
  age(value) {
    const seconds = Math.max(0, Math.floor(value));
    const parts = [['d', 86400], ['h', 3600], ['m', 60], ['s', 1]];
    const first = parts.findIndex(([, length]) => seconds >= length);
    if (first < 0) return '0 s';
    const [unit, length] = parts[first];
    const rest = parts[first + 1];
    const count = `${Math.floor(seconds / length)} ${unit}`;
    const more = rest ? Math.floor(seconds % length / rest[1]) : 0;
    return more ? `${count} ${more} ${rest[0]}` : count;
  },

  clock: date => date.toLocaleTimeString('en-GB'),
  day: date => date.toISOString().slice(0, 10),
  cap: value => (value > 0 ? whole.format(value) : 'no cap'),
  plural: (value, one, many = `${one}s`) => `${whole.format(value)} ${value === 1 ? one : many}`,
};
