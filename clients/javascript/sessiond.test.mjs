// The module against a stand-in for phoenix's Socket that does what the test says; run with `node --test`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Cursor, PushFailed, Session, closeClass, randomId, reconnectDelay, shownText } from "./sessiond.mjs";

class FakePush {
  constructor(event, payload) {
    Object.assign(this, { event, payload, hooks: {} });
  }
  receive(status, hook) {
    this.hooks[status] = hook;
    return this;
  }
}

class FakeChannel {
  constructor(topic, params) {
    Object.assign(this, { topic, params, state: "joining", pushes: [], joinPush: new FakePush("phx_join") });
  }
  join() {
    return this.joinPush;
  }
  push(event, payload) {
    this.pushes.push(new FakePush(event, payload));
    return this.pushes.at(-1);
  }
  accept(reply) {
    this.state = "joined";
    this.joinPush.hooks.ok(reply);
  }
}

class FakeSocket {
  constructor(url, options) {
    Object.assign(this, { url, options, channels: [], connects: 0, disconnects: 0 });
  }
  onClose(hook) {
    this.close = hook;
  }
  channel(topic, params) {
    this.channels.push(new FakeChannel(topic, params));
    return this.channels.at(-1);
  }
  connect() {
    this.connects += 1;
  }
  disconnect(then) {
    this.disconnects += 1;
    if (then) then();
  }
}

const open = (options = {}) => new Session(FakeSocket, "ws://h/socket", { token: "tok", user: "ada", ...options });
const reply = { epoch: "e1", offset: 0, recovered: false };

test("the range of a close code is the contract", () => {
  assert.deepEqual([4000, 4099, 4100, 4199, 4200, 4299, 1006, 4300].map(closeClass), [
    "stop", "stop", "backoff", "backoff", "now", "now", "backoff", "backoff",
  ]);
});

test("delays double, are spread and bounded", () => {
  assert.equal(reconnectDelay(1, 0), 250);
  assert.equal(reconnectDelay(3, 1), 2000);
  assert.equal(reconnectDelay(1000, 1), 30000);
});

test("an id has 128 random bits", () => {
  assert.match(randomId(), /^[0-9a-f]{32}$/);
  assert.notEqual(randomId(), randomId());
});

test("a cursor drops what comes again and sees holes", () => {
  const cursor = new Cursor({ epoch: "e", offset: 4 });
  assert.deepEqual([5, 5, 3, 6, 9, undefined].map((offset) => cursor.arrived(offset)), [
    "new", "duplicate", "duplicate", "new", "gap", "new",
  ]);
  assert.equal(cursor.takeAck(), 9);
  assert.equal(cursor.takeAck(), null);
});

test("a join that did not recover starts anew and says why", () => {
  const cursor = new Cursor({ epoch: "e", offset: 4 });
  assert.equal(cursor.joined({ epoch: "e", offset: 9, recovered: true }), null);
  assert.equal(cursor.arrived(5), "new");
  assert.equal(cursor.joined({ epoch: "f", offset: 2, recovered: false, reason: "epoch" }), "epoch");
  assert.deepEqual(cursor.position, { epoch: "f", offset: 2 });
});

test("a session joins its topic, and a rejoin resumes", () => {
  const session = open({ device: "phone" });
  const [channel] = session.socket.channels;
  assert.equal(channel.topic, "user:ada");
  assert.deepEqual(channel.params(), { device: "phone" });
  channel.accept(reply);
  channel.onMessage("tick", { _offset: 1 });
  session.leave();
  assert.deepEqual(channel.params(), { device: "phone", resume: { epoch: "e1", offset: 1 } });
});

test("pushes reach the application once, without their offset; replies do not", () => {
  const seen = [];
  const session = open({ onPush: (event, payload) => seen.push([event, payload]) });
  const [channel] = session.socket.channels;
  channel.accept(reply);
  for (const offset of [1, 1, 2]) channel.onMessage("tick", { n: offset, _offset: offset });
  channel.onMessage("chan_reply_3", { status: "ok" });
  assert.deepEqual(channel.onMessage("note", { x: 1 }), { x: 1 });
  session.leave();
  assert.deepEqual(seen, [["tick", { n: 1 }], ["tick", { n: 2 }], ["note", { x: 1 }]]);
});

test("32 pushes are acknowledged together, and the rest when leaving", () => {
  const session = open();
  const [channel] = session.socket.channels;
  channel.accept(reply);
  for (let offset = 1; offset <= 34; offset++) channel.onMessage("tick", { _offset: offset });
  session.leave();
  assert.deepEqual(channel.pushes.map((push) => [push.event, push.payload.offset]), [["ack", 32], ["ack", 34]]);
});

test("what was lost is said", () => {
  const lost = [];
  const session = open({ resume: { epoch: "e0", offset: 5 }, onNotRecovered: (reason) => lost.push(reason) });
  session.socket.channels[0].accept({ ...reply, reason: "expired" });
  assert.deepEqual(lost, ["expired"]);
});

test("a push without an answer is repeated under the same id", async () => {
  const session = open();
  const [channel] = session.socket.channels;
  const answer = session.push("x", { n: 1 });
  channel.pushes[0].hooks.timeout();
  await new Promise(setImmediate);
  channel.pushes[1].hooks.ok({ seen: true });
  assert.deepEqual(await answer, { seen: true });
  assert.equal(channel.pushes[0].payload._id, channel.pushes[1].payload._id);
});

test("a conversation is talked to", async () => {
  const session = open();
  const [channel] = session.socket.channels;
  const shown = { flow: "order", messages: [], prompt: { kind: "text", key: "n", screen: "c:0:1", text: "Name?" } };
  const talk = [
    session.startFlow("order"),
    session.startFlow({ flow: "order", language: "fr" }),
    session.say("2"),
    session.say({ choice: "l", screen: "c:0:1" }),
    session.remind({ timeout: 50 }),
  ];
  for (const push of channel.pushes) push.hooks.ok(shown);
  assert.deepEqual(await Promise.all(talk), [shown, shown, shown, shown, shown]);
  assert.deepEqual(channel.pushes.map(({ event, payload: { _id, ...rest } }) => [event, rest, _id.length]), [
    ["flow:start", { flow: "order" }, 32],
    ["flow:start", { flow: "order", language: "fr" }, 32],
    ["flow:say", { text: "2" }, 32],
    ["flow:say", { choice: "l", screen: "c:0:1" }, 32],
    ["flow:remind", {}, 32],
  ]);
});

test("what is shown, as text", () => {
  const choices = [{ key: "s", label: "Small", number: 1 }, { key: "l", label: "Large", number: 2 }];
  const prompt = { text: "What size?", choices };
  const hello = [{ text: "Hello!" }];
  assert.equal(shownText({ messages: hello, prompt }), "Hello!\n\nWhat size?\n\n1. Small\n2. Large");
  assert.equal(shownText({ prompt: { ...prompt, error: "No." } }), "No.\n\nWhat size?\n\n1. Small\n2. Large");
  assert.equal(shownText({ prompt: { ...prompt, error: "No.", repeats: false } }), "No.");
  assert.equal(shownText({}), "");
});

test("an error reply rejects with code, message and time", async () => {
  const session = open();
  const answer = session.push("x", {}, { pushId: "mine" });
  session.socket.channels[0].pushes[0].hooks.error({ code: "overloaded", message: "full", retry_after: 2 });
  await assert.rejects(answer, (error) => {
    assert.ok(error instanceof PushFailed);
    assert.deepEqual([error.code, error.message, error.retryAfter, error.pushId], ["overloaded", "full", 2, "mine"]);
    return true;
  });
});

test("a session that is told not to come back does not", async () => {
  const stops = [];
  const session = open({ onStopped: (code, reason) => stops.push([code, reason]) });
  session.socket.close({ code: 4005, reason: "kicked" });
  session.socket.close({ code: 1006, reason: "" });
  assert.deepEqual(stops, [[4005, "kicked"]]);
  assert.deepEqual([session.socket.connects, session.socket.disconnects], [1, 1]);
  await assert.rejects(session.push("x"), { code: "stopped" });
});

test("coming back now happens once until a join, then phoenix backs off", () => {
  const session = open();
  session.socket.close({ code: 4200, reason: "draining" });
  session.socket.close({ code: 4200, reason: "draining" });
  assert.equal(session.socket.connects, 2);
  session.socket.channels[0].accept(reply);
  session.socket.close({ code: 4200, reason: "draining" });
  assert.equal(session.socket.connects, 3);
});

test("a refused join is final, but an expired token is replaced once", () => {
  const stops = [];
  const onStopped = (code, reason) => stops.push([code, reason]);
  open({ onStopped }).socket.channels[0].joinPush.hooks.error({ code: "unknown_user" });
  open({ onStopped }).socket.close({ code: 4002, reason: "token_expired" });
  assert.deepEqual(stops, [[0, "unknown_user"], [4002, "token_expired"]]);

  const session = open({ token: () => "fresh", onStopped });
  session.socket.channels[0].state = "closed";
  session.socket.close({ code: 4002, reason: "token_expired" });
  assert.equal(session.socket.channels.length, 2);
  assert.equal(session.socket.connects, 2);
  session.socket.close({ code: 4002, reason: "token_expired" });
  assert.equal(stops.length, 3);
});

test("the token goes where the version of phoenix can send it", () => {
  assert.equal(open().socket.options.authToken(), "tok");
  assert.deepEqual(open({ tokenIn: "query" }).socket.options.params(), { token: "tok" });
});
