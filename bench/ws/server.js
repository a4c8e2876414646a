// Bare WebSockets: the server sends each message to all sockets. It has no storage, no sign-in and one room.
//
//   PORT=… node ws/server.js

import { createServer } from 'node:http'

import { WebSocket, WebSocketServer } from 'ws'

const server = createServer((_, response) => response.end('ok'))
const sockets = new WebSocketServer({ server })

sockets.on('connection', (socket) => {
  socket.on('error', console.error)
  socket.on('message', (data) => {
    for (const client of sockets.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false })
    }
  })
})

server.listen(process.env.PORT, '127.0.0.1')
