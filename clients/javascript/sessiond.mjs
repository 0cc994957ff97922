// A session of sessiond on top of the stock `phoenix` package: resume, acks, push ids and close classes.
// No build step and no imports: the Socket class of `phoenix` (1.7 or 1.8) is passed in.
//
//   import { Socket } from "phoenix";
//   import { Session } from "./sessiond.mjs";
//   const session = new Session(Socket, "ws://127.0.0.1:4000/socket", { token, user: "ada", onPush });

export const ACK_FRAMES = 32;
export const ACK_MILLISECONDS = 1000;

// Join errors that another attempt cannot change; the last two can be cured by a fresh token.
export const FINAL_CODES = new Set([
  "bad_request", "ended", "forbidden", "unknown_user", "token_expired", "unauthorized",
]);
const TOKEN_CODES = new Set(["token_expired", "unauthorized", 4001, 4002]);

/** What a client does after close code `code`: "stop", "now" or "backoff" (every code that is not ours). */
export function closeClass(code) {
  if (code >= 4000 && code < 4100) return "stop";
  if (code >= 4200 && code < 4300) return "now";
  return "backoff";
}

/** Milliseconds before attempt `tries` (from 1): doubling from half a second to 30 s; `jitter` is 0 to 1. */
export function reconnectDelay(tries, jitter) {
  return Math.min(30000, 500 * 2 ** Math.min(tries - 1, 16)) * (0.5 + jitter / 2);
}

/** 128 random bits as hexadecimal digits. */
export function randomId() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Resume bookkeeping: what was received, and what the server was told of it. No I/O, no clock. */
export class Cursor {
  constructor(position = null) {
    this.epoch = position ? position.epoch : null;
    this.received = this.acked = position ? position.offset : 0;
  }

  /** Where a reconnect, or another page, goes on: `{epoch, offset}`; null before the first join. */
  get position() {
    return this.epoch === null ? null : { epoch: this.epoch, offset: this.received };
  }

  get unacked() {
    return this.received - this.acked;
  }

  /** Take over a join reply; returns the reason when what was missed is lost, else null. */
  joined(reply) {
    if (typeof reply.epoch !== "string") return null;
    if (reply.recovered === true && reply.epoch === this.epoch) return null;
    const asked = this.epoch !== null;
    this.epoch = reply.epoch;
    this.received = this.acked = reply.offset;
    return asked ? reply.reason || "unknown" : null;
  }

  /** Judge a push by its `_offset`: "duplicate", "gap" (pushes before it are missing) or "new". */
  arrived(offset) {
    if (this.epoch === null || !Number.isInteger(offset)) return "new";
    if (offset <= this.received) return "duplicate";
    const gap = offset !== this.received + 1;
    this.received = offset;
    return gap ? "gap" : "new";
  }

  /** The offset to acknowledge, from now on considered sent; null when nothing is new. */
  takeAck() {
    if (this.unacked <= 0) return null;
    this.acked = this.received;
    return this.acked;
  }
}

/** The server answered a push with an error, or (`code` "timeout") not at all; repeat it with `pushId`. */
export class PushFailed extends Error {
  constructor(details, pushId) {
    const code = details.code || details.reason || "error";
    super(details.message || code);
    this.name = "PushFailed";
    this.code = code;
    this.retryAfter = details.retry_after ?? null;
    this.pushId = pushId;
  }
}

/**
 * What one turn of a conversation shows: replies of `say`, `startFlow` and `remind`, and `flow:output` pushes.
 * Fields that say nothing are left out; `{}` shows nothing.
 *
 * @typedef {object} Shown
 * @property {string} [flow]
 * @property {{text: string, media?: object}[]} [messages]
 * @property {{kind: string, key: string, screen: string, text: string, error?: string, repeats?: boolean,
 *   choices?: {key: string, label: string, number: number, description?: string}[]}} [prompt]
 * @property {"returned" | "ended" | "expired"} [end]
 * @property {boolean} [pending] a function runs; what comes of it is pushed as `flow:output`
 */

/** All of what is shown as plain text: messages, the question and its numbered choices. */
export function shownText({ messages = [], prompt }) {
  const parts = messages.map((message) => message.text);
  if (prompt) {
    const { error = "", repeats = true, text, choices = [] } = prompt;
    parts.push(error);
    if (repeats || !error) parts.push(text, choices.map((one) => `${one.number}. ${one.label}`).join("\n"));
  }
  return parts.filter(Boolean).join("\n\n");
}

const nothing = () => {};

/**
 * One user's session, as one device sees it; it connects at once.
 *
 * `token` may be a function that returns a fresh one: it is asked before every connection.
 * `tokenIn`: "subprotocol" (phoenix 1.8) or "query" (phoenix 1.7, which knows no other place).
 * `resume`: `session.position` of an earlier page. `socketOptions` go to the Socket (`transport` in Node).
 * `onPush(event, payload)`, `onJoined(reply)`, `onNotRecovered(reason)` (fetch the state anew),
 * `onStopped(code, reason)` (it will not come back; code 0: the join was refused).
 */
export class Session {
  constructor(Socket, url, options) {
    const { token, user, device, resume = null, tokenIn = "subprotocol", socketOptions = {} } = options;
    this.onPush = options.onPush || nothing;
    this.onJoined = options.onJoined || nothing;
    this.onNotRecovered = options.onNotRecovered || nothing;
    this.onStopped = options.onStopped || nothing;
    this.stopped = false;
    this.cursor = new Cursor(resume);
    this.topic = `user:${user}`;
    this.device = device;
    this.canRefresh = typeof token === "function";
    this.eager = true; // whether the next "come back now" is followed at once: true again after each join
    this.ackTimer = null;
    const current = this.canRefresh ? token : () => token;
    const auth = tokenIn === "query" ? { params: () => ({ token: current() }) } : { authToken: current };
    this.socket = new Socket(url, {
      reconnectAfterMs: (tries) => reconnectDelay(tries, Math.random()),
      ...auth,
      ...socketOptions,
    });
    this.socket.onClose((event) => this.closed(event));
    this.openChannel();
    this.socket.connect();
  }

  /** Store it, and pass it as `resume` to go on in another page. */
  get position() {
    return this.cursor.position;
  }

  /**
   * Push and return a promise of the handler's reply. Without an answer it is repeated under the same id, so
   * that it is applied once; rejects with PushFailed.
   */
  async push(event, payload = {}, { pushId = randomId(), timeout = 10000, attempts = 3 } = {}) {
    for (let attempt = 1; !this.stopped; attempt++) {
      const [status, reply] = await this.pushOnce(event, { ...payload, _id: pushId }, timeout);
      if (status === "ok") return reply;
      if (status === "error") throw new PushFailed(reply || {}, pushId);
      if (attempt >= attempts) break;
    }
    throw new PushFailed({ code: this.stopped ? "stopped" : "timeout" }, pushId);
  }

  /**
   * Say something to the conversation: a text, a tap `{choice, screen}` (the screen of the prompt it was shown on), or
   * `{attachment}`, `{location}`, `{contact}`; with `language`, a tag such as "fr-CA", in which the person speaks.
   * Resolves with what is shown; `options` are those of `push`.
   */
  say(said, options) {
    return this.push("flow:say", typeof said === "string" ? { text: said } : said, options);
  }

  /** Start a flow, by its name or `{flow, language}`, ending the one that runs. Resolves with what is shown. */
  startFlow(flow, options) {
    return this.push("flow:start", typeof flow === "string" ? { flow } : flow, options);
  }

  /** Have shown again what was pushed since the person spoke, and the question that waits. Resolves with that. */
  remind(options) {
    return this.push("flow:remind", {}, options);
  }

  /** Acknowledge what was received and close; the server keeps the session for its window. */
  leave() {
    this.stopped = true;
    this.ack();
    this.socket.disconnect();
  }

  // What follows is not for applications.

  pushOnce(event, payload, timeout) {
    return new Promise((resolve) => {
      const push = this.channel.push(event, payload, timeout);
      for (const status of ["ok", "error", "timeout"]) {
        push.receive(status, (reply) => resolve([status, reply]));
      }
    });
  }

  openChannel() {
    const channel = this.socket.channel(this.topic, () => this.joinPayload());
    channel.onMessage = (event, payload) => {
      if (!event.startsWith("phx_") && !event.startsWith("chan_reply_")) this.arrived(event, payload);
      return payload;
    };
    this.channel = channel;
    // phoenix calls these for every rejoin too.
    channel.join().receive("ok", (reply) => this.joined(reply)).receive("error", (reply) => this.refused(reply));
  }

  joinPayload() {
    const payload = {};
    if (this.device) payload.device = this.device;
    if (this.position) payload.resume = this.position;
    return payload;
  }

  joined(reply) {
    this.eager = true;
    const lost = this.cursor.joined(reply);
    if (lost !== null) this.onNotRecovered(lost);
    this.onJoined(reply);
  }

  refused(reply) {
    const code = reply.code || reply.reason;
    if (FINAL_CODES.has(code) && !this.cured(code)) this.stop(0, code);
  }

  arrived(event, payload) {
    const { _offset: offset, ...rest } = payload;
    const verdict = this.cursor.arrived(offset);
    if (verdict === "duplicate") return;
    if (verdict === "gap") this.onNotRecovered("gap");
    this.onPush(event, rest);
    if (this.cursor.unacked >= ACK_FRAMES) this.ack();
    else if (this.cursor.unacked > 0) this.ackTimer ??= setTimeout(() => this.ack(), ACK_MILLISECONDS);
  }

  ack() {
    clearTimeout(this.ackTimer);
    this.ackTimer = null;
    const offset = this.channel.state === "joined" ? this.cursor.takeAck() : null;
    if (offset !== null) this.channel.push("ack", { offset });
  }

  closed(event) {
    if (this.stopped) return;
    const follow = closeClass(event.code);
    if (follow === "stop") {
      if (!this.cured(event.code)) this.stop(event.code, event.reason);
    } else if (follow === "now" && this.eager) {
      this.comeBack();
    }
  }

  /** Whether a fresh token can cure `code`; if so, one attempt is made with it. */
  cured(code) {
    if (!this.canRefresh || !TOKEN_CODES.has(code) || !this.eager) return false;
    this.comeBack();
    return true;
  }

  comeBack() {
    this.eager = false;
    this.socket.disconnect(() => {
      if (this.stopped) return;
      // The server closes the channel before a "do not come back", and phoenix forgets closed channels.
      if (this.channel.state === "closed") this.openChannel();
      this.socket.connect();
    });
  }

  stop(code, reason) {
    this.stopped = true;
    clearTimeout(this.ackTimer);
    this.socket.disconnect();
    this.onStopped(code, reason);
  }
}
