// Puts the page together.

import { byId } from "/simulator/dom.js";
import { openSocketTab } from "/simulator/socket.js";
import { openHandset } from "/simulator/ussd.js";
import { openChat } from "/simulator/whatsapp.js";

const person = () => ({ phone: byId("phone").value.trim(), name: byId("name").value.trim() });

function openTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      for (const one of tabs) {
        one.setAttribute("aria-selected", String(one === tab));
        byId(one.getAttribute("aria-controls")).hidden = one !== tab;
      }
    });
  }
}

// Of the same network, and nobody's: random last digits.
function otherNumber() {
  const [random] = crypto.getRandomValues(new Uint32Array(1));
  byId("phone").value = `+23324${String(random % 10_000_000).padStart(7, "0")}`;
}

const response = await fetch("/simulator/setup", { cache: "no-store" });
const setup = await response.json();
const of = (tab) => setup.accounts.filter((account) => account.tab === tab);
const parts = [openHandset(of("ussd"), person), openChat(of("chat"), person), openSocketTab(setup)];
const restart = () => parts.forEach((part) => part.restart());

openTabs();
byId("restart").addEventListener("click", restart);
byId("other").addEventListener("click", () => {
  otherNumber();
  restart();
});
byId("log-clear").addEventListener("click", () => byId("log").replaceChildren());
document.body.dataset.ready = "yes";
