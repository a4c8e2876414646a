// The usual Node.js stack, built as its documentation recommends: Express with sessions in MongoDB, Mongoose models, EJS
// pages, Socket.IO with the same session. It stores each chat before it acknowledges and publishes it.
//
//   NODE_ENV=production PORT=… DATABASE=mongodb://… node express/server.js

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { MongoStore } from 'connect-mongo'
import express from 'express'
import session from 'express-session'
import mongoose, { Schema } from 'mongoose'
import { Server } from 'socket.io'

const PAGE = 50
const hash = promisify(scrypt)

await mongoose.connect(process.env.DATABASE, { w: 'majority', journal: true, maxPoolSize: 64 })

const User = mongoose.model('User', new Schema({
  userId: { type: String, required: true, unique: true },
  userNickname: { type: String, required: true, maxlength: 40 },
  password: { type: String, required: true },
}))
const Room = mongoose.model('Room', new Schema({
  name: { type: String, required: true, unique: true, maxlength: 60 },
  topic: { type: String, maxlength: 200 },
  owner: { type: Schema.Types.ObjectId, ref: 'User' },
}, { timestamps: true }))
const Chat = mongoose.model('Chat', new Schema({
  room: { type: Schema.Types.ObjectId, ref: 'Room', required: true },
  author: { type: Schema.Types.ObjectId, ref: 'User', required: true },
  text: { type: String, required: true, maxlength: 4000 },
}, { timestamps: true }).index({ room: 1, createdAt: -1 }))
await Promise.all([User.init(), Room.init(), Chat.init()])

const app = express()
app.set('view engine', 'ejs')
app.set('views', fileURLToPath(new URL('views', import.meta.url)))
app.use(express.urlencoded({ extended: false }))
const sessions = session({
  secret: randomBytes(32).toString('hex'),
  resave: false,
  saveUninitialized: false,
  store: MongoStore.create({ client: mongoose.connection.getClient(), touchAfter: 3600 }),
})
app.use(sessions)

const signedIn = (request, response, next) =>
  request.session.user ? next() : response.redirect(303, '/user')

app.get('/health', (_, response) => response.json({ status: 'ok' }))

app.post('/user', async (request, response) => {
  const { userId, userPassword, userNickname } = request.body
  const salt = randomBytes(16)
  const key = await hash(userPassword, salt, 32)
  const user = await User.create({ userId, userNickname, password: `${salt.toString('hex')}:${key.toString('hex')}` })
  request.session.user = { id: user.id, nickname: user.userNickname }
  response.redirect(303, '/room')
})

app.post('/session', async (request, response) => {
  const user = await User.findOne({ userId: request.body.userId })
  const [salt, key] = user.password.split(':').map((part) => Buffer.from(part, 'hex'))
  if (!timingSafeEqual(key, await hash(request.body.userPassword, salt, 32))) return response.sendStatus(422)
  request.session.user = { id: user.id, nickname: user.userNickname }
  response.redirect(303, '/room')
})

app.post('/room', signedIn, async (request, response) => {
  const { name, topic } = request.body
  const room = await Room.create({ name, topic, owner: request.session.user.id })
  response.redirect(303, `/room/${room.id}`)
})

app.get('/room/:id', signedIn, async (request, response) => {
  const room = await Room.findById(request.params.id).lean()
  if (!room) return response.sendStatus(404)
  const chats = await Chat.find({ room: room._id }).sort({ createdAt: -1 }).limit(PAGE)
    .populate('author', 'userNickname').lean()
  const rooms = await Room.find().limit(30).lean()
  response.render('room', { me: request.session.user, room, rooms, chats: chats.reverse() })
})

const server = createServer(app)
const io = new Server(server)
io.engine.use(sessions)
io.use((socket, next) => next(socket.request.session?.user ? undefined : new Error('signed out')))

io.on('connection', (socket) => {
  const { user } = socket.request.session
  const { room } = socket.handshake.query
  socket.join(room)
  socket.on('chat', async (text, acknowledge) => {
    const chat = await Chat.create({ room, author: user.id, text })
    io.to(room).emit('chat', {
      id: chat.id, room, author: user.id, nickname: user.nickname, text: chat.text, at: chat.createdAt,
    })
    acknowledge({ id: chat.id })
  })
})

server.listen(process.env.PORT, '127.0.0.1')
