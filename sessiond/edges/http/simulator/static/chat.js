// The chats: webhooks in, what accounts call their providers with, and what became of each message.

import { append, byId, digits, element, fillPicker, kindName } from "/simulator/dom.js";
import { exchange, note } from "/simulator/exchanges.js";
import { telegram } from "/simulator/telegram.js";
import { twilio } from "/simulator/twilio.js";
import { whatsapp } from "/simulator/whatsapp.js";

// A kind has: text(text), attachments(account) and file(account, {id, type, name}), which write what a person says; webhook(account, me, said);
// to(body), the recipient of a call; show(item, call, tap), which fills a bubble or gives false when the call shows
// nothing; and, where the provider tells what becomes of messages, status(account, call, state).
const KINDS = { whatsapp, telegram, twilio };
const PAUSE = 1000;

const STEPS = {
  read: ["sent", "delivered", "read"],
  delivered: ["sent", "delivered"],
  sent: ["sent"],
  failed: ["failed"],
};
const TICKS = { taken: "✓", sent: "✓", delivered: "✓✓", read: "✓✓", failed: "⚠" };

function tick(item, state) {
  const mark = item.querySelector(".tick") ?? element("span");
  mark.className = `tick ${state}`;
  mark.textContent = `${TICKS[state]} ${state}`;
  item.append(mark);
  const list = item.parentElement;
  if (item === list?.lastElementChild) list.scrollTop = list.scrollHeight;
}

// One account, with everything that was said on it.
function openTalk(account, person, isSeen, hint) {
  const kind = KINDS[account.kind];
  const list = element("ol", "", "messages");
  const keyboard = element("div", "", "keyboard");
  list.setAttribute("aria-live", "polite");
  list.dataset.hint = hint;
  list.setAttribute("aria-label", `Messages of ${account.name}`);
  let unseen = [];
  let last = Promise.resolve();

  // Providers tell one thing after the other, and so does this.
  function post({ path = account.path, type = "application/json", body }, what, opens) {
    last = last.then(async () => {
      const to = new URLSearchParams({ to: path });
      const signed = await fetch(`/simulator/sign/${account.name}?${to}`, { method: "POST", body });
      const headers = { "content-type": type, ...(signed.ok ? await signed.json() : {}) };
      return exchange("POST", path, { headers, body, what, opens });
    });
    last = last.catch((error) => ({ status: 0, text: String(error) }));
    return last;
  }

  async function send(said, shown) {
    const me = await person.checked();
    if (!me) return false;
    keyboard.replaceChildren();
    const item = element("li", shown, "mine");
    append(list, item);
    const webhook = kind.webhook(account, { ...me, phone: digits(me.phone) }, said);
    const answer = await post(webhook, "message", true);
    if (answer.status === 200) tick(item, "taken");
    else {
      item.classList.add("failed");
      item.append(element("span", `not taken (${answer.status || "no answer"})`, "small"));
    }
    return answer.status === 200;
  }

  function report(call, item, state) {
    const told = kind.status?.(account, call, state);
    if (!told) return;
    post(told, state, false).then(({ status }) => {
      if (status === 200 && item) tick(item, state);
    });
  }

  // What is not looked at is not read yet.
  function look() {
    if (!isSeen(account)) return;
    for (const [call, item] of unseen) report(call, item, "read");
    unseen = [];
    list.scrollTop = list.scrollHeight;
  }

  function take(call) {
    note({
      title: `← ${account.name}: ${kind.what(call.body)}`,
      status: 200,
      parts: { request: JSON.stringify(call.body), answer: JSON.stringify(call.answer) },
    });
    const item = element("li");
    if (kind.show(item, call, { send, keyboard, account }) === false) return;
    if (digits(kind.to(call.body)) !== digits(person.current() ?? "")) {
      report(call, null, "sent"); // somebody else's phone, which is off
      return;
    }
    append(list, item);
    for (const state of STEPS[byId("chat-receipts").value]) {
      if (state === "read") unseen.push([call, item]);
      else report(call, item, state);
    }
    look();
  }

  function restart() {
    list.replaceChildren();
    keyboard.replaceChildren();
    unseen = [];
  }
  return { account, kind, list, keyboard, send, take, look, restart };
}

export function openChat(accounts, person, words) {
  const picker = byId("chat-account");
  const input = byId("chat-input");
  const attach = byId("chat-attach");
  const isShown = (account) => picker.value === account.name && !byId("panel-chat").hidden;
  const hint = words.length ? `A flow begins with: ${words.join(", ")}` : "";
  const talks = new Map(accounts.map((one) => [one.name, openTalk(one, person, isShown, hint)]));
  const current = () => talks.get(picker.value);

  fillPicker(picker, accounts);
  for (const { list, keyboard } of talks.values()) byId("chat-messages").append(list, keyboard);
  byId("chat-none").hidden = accounts.length > 0;
  for (const one of [input, attach, byId("chat-send")]) one.disabled = accounts.length === 0;

  function pick() {
    const { account, kind } = current() ?? {};
    for (const talk of talks.values()) {
      talk.list.hidden = talk.keyboard.hidden = talk.account !== account;
    }
    byId("chat-title").textContent = account?.name ?? "Nobody";
    byId("chat-kind").textContent = account ? (kind.label?.(account) ?? kindName(account)) : "no account";
    byId("chat-phone").dataset.kind = account?.kind ?? "";
    byId("chat-away").hidden = account?.answers_here ?? true;
    byId("chat-url").textContent = `api_url = "${location.origin}/simulator/provider/${account?.name}"`;
    byId("chat-receipts-label").hidden = !kind?.status;
    const offered = account ? kind.attachments(account) : {};
    attach.replaceChildren(
      new Option("+", ""),
      new Option("File…", "file"),
      ...Object.entries(offered).map(([name, { title }]) => new Option(title, name)),
    );
    current()?.look();
  }

  // What all accounts send, for as long as the page is open.
  async function listen() {
    let after = null;
    for (;;) {
      let state = "online";
      try {
        const response = await fetch(`/simulator/sent${after === null ? "" : `?after=${after}`}`);
        if (!response.ok) throw new Error(String(response.status));
        const { cursor, calls } = await response.json();
        after = cursor;
        for (const call of calls) talks.get(call.account)?.take(call);
      } catch {
        state = "offline";
      }
      byId("chat-state").textContent = state;
      document.body.dataset.chat = state;
      if (state === "offline") await new Promise((done) => setTimeout(done, PAUSE));
    }
  }

  byId("chat-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    const talk = current();
    if (!text || !talk) return;
    input.value = "";
    talk.send(talk.kind.text(text), text);
  });
  attach.addEventListener("change", () => {
    const { account, kind, send } = current();
    const name = attach.value;
    attach.value = "";
    if (name === "file") byId("chat-file").click();
    else if (name) send(kind.attachments(account)[name].said(), `[${kind.attachments(account)[name].title}]`);
  });

  // The provider has the file before the app hears of it.
  byId("chat-file").addEventListener("change", async (event) => {
    const { account, kind, send } = current();
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    const type = file.type || "application/octet-stream";
    const about = new URLSearchParams({ type });
    const kept = await exchange("POST", `/simulator/media?${about}`, { body: file, what: file.name });
    if (kept.status !== 200) return;
    const { id } = JSON.parse(kept.text);
    send(kind.file(account, { id, type, name: file.name }), `[${file.name}]`);
  });
  picker.addEventListener("change", pick);

  pick();
  listen();
  return {
    restart() {
      for (const talk of talks.values()) talk.restart();
      input.value = "";
    },
    look: () => current()?.look(),
  };
}
