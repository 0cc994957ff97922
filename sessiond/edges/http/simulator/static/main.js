// Puts the page together.

import { openChat } from "/simulator/chat.js";
import { byId, kindName } from "/simulator/dom.js";
import { openPerson } from "/simulator/person.js";
import { openSocketTab } from "/simulator/socket.js";
import { openHandset } from "/simulator/ussd.js";

// One of them is in the order of the keyboard; arrows lead to the others (WAI-ARIA, "Tabs pattern").
function openTabs(onSelect) {
  const tabs = [...document.querySelectorAll("[role=tab]")];

  function select(chosen) {
    for (const one of tabs) {
      one.setAttribute("aria-selected", String(one === chosen));
      one.tabIndex = one === chosen ? 0 : -1;
      byId(one.getAttribute("aria-controls")).hidden = one !== chosen;
    }
    onSelect();
  }

  const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
  for (const [number, tab] of tabs.entries()) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", ({ key }) => {
      if (!STEPS[key]) return;
      const next = tabs.at((number + STEPS[key]) % tabs.length);
      select(next);
      next.focus();
    });
  }
  select(tabs[0]);
}

// Kinds that other packages plug in: there is nobody here to play their providers.
function tellOthers(accounts) {
  const names = accounts.map((account) => `${account.name} (${kindName(account)})`);
  byId("others").textContent = `Not played here: ${names.join(", ")}`;
  byId("others").hidden = names.length === 0;
}

const response = await fetch("/simulator/setup", { cache: "no-store" });
const setup = await response.json();
const of = (tab) => setup.accounts.filter((account) => account.tab === tab);
const parts = [];
const restart = () => parts.forEach((part) => part.restart());

const person = openPerson(restart);
const chat = openChat(of("chat"), person, setup.words);
parts.push(openHandset(of("ussd"), person), chat, openSocketTab(setup));
openTabs(chat.look);
tellOthers(of(""));
byId("restart").addEventListener("click", restart);
byId("log-clear").addEventListener("click", () => byId("log").replaceChildren());
document.body.dataset.ready = "yes";
