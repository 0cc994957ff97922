// A stock phoenix client's life against a running server, told as JSON lines on stdout.
//
//   node journey.js <17|18> <url of /socket> <token> <user> <journey>
//
// Journeys: "full" (connect, join, push, receive, binary, rejoin, leave), "refused" (a join that is
// turned down for good), "foreign" (somebody else's topic), "unauthorized" (a token nobody accepts).
import {Socket as Socket17} from "phoenix17"
import {Socket as Socket18} from "phoenix18"
import WebSocket from "ws"

const [version, url, token, user, journey] = process.argv.slice(2)
const Socket = version === "17" ? Socket17 : Socket18
// 1.8 sends its token as a subprotocol; 1.7 knows only parameters.
const auth = version === "17" ? {params: {token}} : {authToken: token}
const socket = new Socket(url, {transport: WebSocket, timeout: 5000, ...auth})
const say = (step, detail = null) => console.log(JSON.stringify({step, detail}))
const until = (push) => new Promise((resolve) => {
  for (const status of ["ok", "error", "timeout"]) push.receive(status, (r) => resolve([status, r]))
})
const closed = (channel) => new Promise((resolve) => channel.onClose(() => resolve()))
const message = (channel, event) => new Promise((resolve) => channel.on(event, resolve))

const journeys = {
  async full() {
    const opened = new Promise((resolve) => socket.onOpen(resolve))
    socket.connect()
    await opened
    say("open", socket.conn.protocol)
    const channel = socket.channel(`user:${user}`, {device: "node"})
    say("join", (await until(channel.join())).concat(channel.state))
    say("echo", await until(channel.push("echo", {text: "héllo", n: 1})))
    const shouted = message(channel, "shouted")
    await until(channel.push("shout", {x: 1}))
    say("shouted", await shouted)
    say("error", await until(channel.push("fail", {})))
    say("binary", await until(channel.push("upload", new Uint8Array([0, 255, 128]).buffer)))
    // A second channel of the same topic: phoenix.js leaves the first before it joins again.
    const second = socket.channel(`user:${user}`, {device: "node"})
    say("rejoin", (await until(second.join())).concat(second.state))
    say("first", channel.state)
    say("echo again", await until(second.push("echo", {n: 2})))
    const gone = closed(second)
    say("leave", await until(second.leave()))
    await gone
    say("left", second.state)
    const third = socket.channel(`user:${user}`, {})
    say("join after leave", (await until(third.join())).concat(third.state))
    const bye = new Promise((resolve) => socket.onClose((e) => resolve(e.code)))
    socket.disconnect()
    say("closed", await bye)
  },
  async refused() {
    const code = new Promise((resolve) => socket.onClose((e) => resolve(e.code)))
    socket.connect()
    const channel = socket.channel(`user:${user}`, {})
    const gone = closed(channel)
    say("join", await until(channel.join()))
    await gone
    say("channel", channel.state)
    say("closed", await code)
    // The stock socket comes back by itself, but joins nothing.
    await new Promise((resolve) => socket.onOpen(resolve))
    say("reopened", socket.channels.length)
    socket.disconnect()
  },
  async foreign() {
    socket.connect()
    const channel = socket.channel("user:somebody-else", {})
    const gone = closed(channel)
    say("join", await until(channel.join()))
    await gone
    say("channel", channel.state)
    const own = socket.channel(`user:${user}`, {})
    say("own", (await until(own.join()))[0])
    socket.disconnect()
  },
  async unauthorized() {
    const failed = new Promise((resolve) => socket.onError((e) => resolve(e.message)))
    socket.connect()
    say("failed", await failed)
    socket.disconnect()
  },
}

const guard = setTimeout(() => { say("hung"); process.exit(1) }, 15000)
await journeys[journey]()
clearTimeout(guard)
process.exit(0)
