// The chat: webhooks in, and what the account calls its provider with.

import { append, byId, digits, element, fillPicker } from "/simulator/dom.js";
import { exchange, note } from "/simulator/exchanges.js";
import { ATTACHMENTS, bubble, webhook } from "/simulator/whatsapp_messages.js";

const PAUSE = 1000;

export function openChat(accounts, person) {
  const picker = byId("chat-account");
  const list = byId("chat-messages");
  const input = byId("chat-input");

  fillPicker(picker, accounts);
  byId("chat-none").hidden = accounts.length > 0;
  const account = () => accounts.find((one) => one.name === picker.value);
  const me = () => ({ phone: digits(person().phone), name: person().name });

  async function send(message, shown) {
    const current = account();
    if (!current) return;
    const item = element("li", shown, "mine");
    append(list, item);
    const body = webhook(current, me(), message);
    const signed = await fetch(`/simulator/sign/${current.name}`, { method: "POST", body });
    const headers = { "content-type": "application/json", ...(await signed.json()) };
    const answer = await exchange("POST", current.path, { headers, body });
    if (answer.status !== 200) {
      item.classList.add("failed");
      item.append(element("span", `not taken (${answer.status || "no answer"})`, "small"));
    }
  }

  function take(sent) {
    const { body } = sent;
    note({
      title: `← POST messages (${body.type ?? body.status ?? "?"})`,
      status: 200,
      parts: { request: JSON.stringify(body) },
    });
    if (!body.type || digits(body.to ?? "") !== me().phone) return;
    append(list, bubble(sent, send));
  }

  // What every account sends, for as long as the page is open.
  async function listen(one) {
    const path = `/simulator/sent/${one.name}`;
    let after = null;
    for (;;) {
      try {
        const response = await fetch(after === null ? path : `${path}?after=${after}`);
        if (!response.ok) throw new Error(String(response.status));
        const { count, messages } = await response.json();
        after = count;
        byId("chat-state").textContent = "online";
        if (one === account()) messages.forEach(take);
      } catch {
        byId("chat-state").textContent = "offline";
        await new Promise((done) => setTimeout(done, PAUSE));
      }
      document.body.dataset.chat = byId("chat-state").textContent;
    }
  }

  byId("chat-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    input.value = "";
    if (text) send({ type: "text", text: { body: text } }, text);
  });
  byId("chat-attach").addEventListener("change", (event) => {
    const kind = event.target.value;
    event.target.value = "";
    if (kind) send(ATTACHMENTS[kind](), `[${kind}]`);
  });

  function restart() {
    list.replaceChildren();
    input.value = "";
    byId("chat-title").textContent = account()?.name ?? "App";
    byId("chat-away").hidden = account()?.answers_here ?? true;
  }
  picker.addEventListener("change", restart);
  restart();
  for (const one of accounts) if (one.answers_here) listen(one);
  return { restart };
}
