// A SockJS client on Node.js: the distribution's node-sockjs-client. Sends messages one after the other, expects each
// back, and says which server it talked to.
// node talk_sockjs.js URL TRANSPORT
const SockJS = require("sockjs-client");

const [url, transport] = process.argv.slice(2);
const numbers = Array.from({ length: 20 }, (_, number) => `${number}`);
const messages = ["Good day", "ü € 𝄞", "x".repeat(20000), ...numbers, "who?"];
const socket = new SockJS(url, null, { transports: [transport] });
let at = 0;
socket.onopen = () => socket.send(messages[at]);
socket.onmessage = ({ data }) => {
  const expected = messages[at];
  at += 1;
  if (at === messages.length) {
    console.log(JSON.stringify({ transport: socket.transport, server: data }));
    socket.close();
  } else if (data !== expected) {
    console.error(`expected ${expected.slice(0, 80)}, got ${data.slice(0, 80)}`);
    process.exit(1);
  } else {
    socket.send(messages[at]);
  }
};
socket.onclose = ({ code, reason }) => process.exit(at === messages.length ? 0 : (console.error(code, reason), 2));
