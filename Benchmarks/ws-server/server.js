// An echo server made with Node's `ws`: what a compressed message costs there. usage: node server.js LIBRARY PORT
'use strict'

const [library, port] = process.argv.slice(2)
const { WebSocketServer } = require(library)

// Window, memory and threshold as Sluice has them by default, so that both compress alike. The level is zlib's default
// on both sides.
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(port),
  perMessageDeflate: {
    serverMaxWindowBits: 12,
    zlibDeflateOptions: { memLevel: 5 },
    threshold: 128
  }
})

server.on('connection', (socket) => {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
  socket.on('error', () => {})
})
