// What close codes mean, in plain sentences (RFC 6455 §7.4).
const closeMeanings = {
  1000: 'Both sides were done.',
  1001: 'The other side leaves, or it broke a rule, or nobody said anything for too long.',
  1002: 'This side broke a rule of the protocol.',
  1003: 'The server does not take messages of this kind.',
  1005: 'The Close had no code.',
  1006: 'No Close came. The connection was cut, or the handshake was refused; a browser does not say which.',
  1007: 'A text was not UTF-8, or compressed data could not be read.',
  1008: 'A message broke a rule of the server or of the gateway.',
  1009: 'A message was larger than the route takes.',
  1011: 'The server failed, and the gateway says so.',
  1012: 'The gateway or the server is being replaced. A new connection goes to another server.',
  1013: 'The server has too much to do at the moment.',
};

const meaningOf = code => closeMeanings[code] ?? (code >= 4000 ? 'The application chose this code.' : '');

/** Code and reason of a Close. */
const closeText = ({ code, reason }) => (reason ? `${code}, “${reason}”` : String(code));
