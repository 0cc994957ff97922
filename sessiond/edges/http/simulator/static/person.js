// Who plays: a phone number that the doors would take, and a name.

import { byId } from "/simulator/dom.js";

// Of one network, and nobody's: random last digits.
function otherNumber() {
  const [random] = crypto.getRandomValues(new Uint32Array(1));
  return `+23324${String(random % 10_000_000).padStart(7, "0")}`;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function openPerson(onOther) {
  const phone = byId("phone");
  const problem = byId("phone-problem");
  let known = { text: null, phone: null };

  // The server reads the number as its doors do; where it is away, they will say so.
  async function read(text) {
    try {
      const response = await fetch("/simulator/phone", { method: "POST", body: text });
      return await response.json();
    } catch {
      return { phone: text };
    }
  }

  function complain(text) {
    problem.textContent = text;
    problem.hidden = !text;
    phone.setAttribute("aria-invalid", String(Boolean(text)));
  }

  // Gives {phone, name}; null: the number cannot be one, which is said beside it.
  async function checked() {
    const text = phone.value.trim();
    if (known.text !== text) {
      const told = await read(text);
      known = { text, phone: told.phone ?? null };
      complain(told.problem ? `${capital(told.problem)}. Write it with its country: +233244123456` : "");
    }
    if (known.phone === null) {
      phone.focus();
      return null;
    }
    return { phone: known.phone, name: byId("name").value.trim() };
  }

  phone.addEventListener("change", () => {
    onOther();
    checked();
  });
  byId("other").addEventListener("click", () => {
    phone.value = otherNumber();
    onOther();
    checked();
  });
  checked();
  return { checked, current: () => known.phone };
}
