// A SockJS server on Node.js: the distribution's node-sockjs.
// node echo_sockjs.js DESCRIPTOR NAME
const http = require("http");
const sockjs = require("sockjs");

const [descriptor, name] = process.argv.slice(2);
const echo = sockjs.createServer({ log: () => {}, heartbeat_delay: 25000 });
echo.on("connection", (connection) => {
  connection.on("data", (message) => connection.write(message === "who?" ? name : message));
});
const server = http.createServer();
echo.installHandlers(server, { prefix: "/echo" });
server.listen({ fd: Number(descriptor) });
