// Elements. Whatever a flow said gets in as text, never as markup.

export const byId = (id) => document.getElementById(id);

export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function append(list, item, most = 300) {
  list.append(item);
  while (list.children.length > most) list.firstElementChild.remove();
  list.scrollTop = list.scrollHeight;
}

export function fillPicker(picker, accounts) {
  picker.replaceChildren(
    ...accounts.map((account) => {
      const option = element("option", `${account.name} (${account.kind})`);
      option.value = account.name;
      return option;
    }),
  );
}

export const digits = (phone) => phone.replace(/[^0-9]/g, "");
