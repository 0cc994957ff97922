// The handset.

import { button, byId, fillPicker } from "/simulator/dom.js";
import { exchange } from "/simulator/exchanges.js";
import { measure } from "/simulator/gsm.js";
import { KINDS } from "/simulator/ussd_requests.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
const NAMES = { "*": "star", "#": "hash" };

export function openHandset(accounts, person) {
  const picker = byId("ussd-account");
  const input = byId("ussd-input");
  let call = null; // the dial that is open
  let dialled = "";
  let isWaiting = false;

  fillPicker(picker, accounts);
  byId("ussd-none").hidden = accounts.length > 0;
  const account = () => accounts.find((one) => one.name === picker.value);

  for (const key of KEYS) {
    const press = () => {
      input.value += key;
      input.focus();
    };
    const made = button(key, press);
    made.setAttribute("aria-label", NAMES[key] ?? key);
    byId("ussd-keypad").append(made);
  }

  function show(state) {
    const isOpen = call !== null;
    byId("ussd-state").textContent = state;
    byId("ussd-network").textContent = account()?.kind === "http" ? "a program" : "MTN";
    byId("ussd-label").textContent = isOpen ? "Answer" : toDial();
    byId("ussd-send").textContent = isOpen ? "Send" : "Dial";
    byId("ussd-send").disabled = isWaiting || accounts.length === 0;
    byId("ussd-cancel").disabled = isWaiting || !isOpen;
    byId("ussd-redial").disabled = isWaiting || isOpen || !dialled;
    document.body.dataset.ussd = state;
  }

  const toDial = () => (account()?.kind === "http" ? "First input" : "Number to dial");
  const suggested = () =>
    account()?.kind === "http" ? "hi" : account()?.own.service_code || "*920*44#";

  function screen(text) {
    byId("ussd-screen").textContent = text;
    const { alphabet, length } = measure(text);
    const limits = account();
    const most = alphabet === "GSM-7" ? limits?.septets : limits?.units;
    const counter = byId("ussd-counter");
    counter.textContent = text ? `${length}${most ? ` / ${most}` : ""} ${alphabet}` : "";
    counter.classList.toggle("over", Boolean(most && length > most));
  }

  async function say(text, begins) {
    const current = call;
    current.begins = begins;
    current.typed.push(text);
    isWaiting = true;
    show("waiting");
    const kind = KINDS[current.account.kind];
    const { method, path, headers, body } = kind.write(current.account, current);
    const answer = await exchange(method, path, { headers, body });
    if (call !== current) return; // hung up or restarted meanwhile
    isWaiting = false;
    try {
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
      const read = kind.read(answer.text);
      screen(read.text);
      byId("ussd-nothing").hidden = !(begins && read.isLast && !read.text);
      if (read.isLast) hangUp("session ended");
      else show("in session");
    } catch (error) {
      screen(`Connection problem or invalid MMI code.\n(${error.message})`);
      hangUp("session ended");
    }
    input.focus();
  }

  // Only some providers tell that somebody hung up.
  function tellHungUp() {
    const told = KINDS[call.account.kind].hungUp?.(call.account, call);
    if (told) exchange(told.method, told.path, told);
  }

  function hangUp(state) {
    call = null;
    isWaiting = false;
    input.value = dialled || suggested();
    show(state);
  }

  async function dial(code) {
    isWaiting = true;
    show("waiting");
    const me = await person.checked();
    isWaiting = false;
    if (!me) {
      show("not dialled");
      return;
    }
    dialled = code;
    const { phone, name } = me;
    call = { account: account(), session: crypto.randomUUID(), phone, name, typed: [], begins: true };
    input.value = "";
    await say(code, true);
  }

  byId("ussd-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (isWaiting || !account()) return;
    const text = input.value;
    if (!call) dial(text);
    else {
      input.value = "";
      say(text, false);
    }
  });
  byId("ussd-cancel").addEventListener("click", () => {
    tellHungUp();
    hangUp("hung up");
  });
  byId("ussd-redial").addEventListener("click", () => dial(dialled));

  function restart() {
    byId("ussd-nothing").hidden = true;
    if (call) tellHungUp();
    dialled = "";
    screen("");
    hangUp("ready");
  }
  picker.addEventListener("change", restart);
  restart();
  return { restart };
}
