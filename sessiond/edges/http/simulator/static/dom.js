// Elements. Whatever a flow said gets in as text, never as markup.

export const byId = (id) => document.getElementById(id);

export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function button(text, onClick, className = "") {
  const made = element("button", text, className);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

export function append(list, item, most = 300) {
  list.append(item);
  while (list.children.length > most) list.firstElementChild.remove();
  list.scrollTop = list.scrollHeight;
}

const NAMES = {
  nalo: "Nalo",
  nsano: "Nsano",
  africastalking: "Africa's Talking",
  http: "generic HTTP",
  whatsapp: "WhatsApp",
  telegram: "Telegram",
  twilio: "Twilio",
};

export const kindName = (account) => NAMES[account.kind] ?? account.kind;

export function fillPicker(picker, accounts) {
  picker.disabled = accounts.length === 0;
  picker.replaceChildren(
    ...accounts.map((account) => {
      const option = element("option", `${account.name} (${kindName(account)})`);
      option.value = account.name;
      return option;
    }),
  );
}

export const digits = (phone) => String(phone).replace(/[^0-9]/g, "");
