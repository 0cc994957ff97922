// Formatted texts of chats, as elements. Nothing in them becomes an element of its own accord.

import { element } from "/simulator/dom.js";

const TAGS = { "*": "b", _: "i", "~": "s" };
const MARK = /(?<![\p{L}\p{N}])([*_~])(?=\S)(.+?)(?<=\S)\1(?![\p{L}\p{N}])/u;

// WhatsApp's *bold*, _italic_, ~struck~ and ```code```.
export function fromMarks(text) {
  const made = document.createDocumentFragment();
  text.split("```").forEach((part, number, parts) => {
    if (number % 2 && number < parts.length - 1) made.append(element("code", part));
    else made.append(spans((number % 2 ? "```" : "") + part));
  });
  return made;
}

function spans(text) {
  const made = document.createDocumentFragment();
  const found = MARK.exec(text);
  if (!found) {
    made.append(text);
    return made;
  }
  const [whole, mark, inner] = found;
  const span = element(TAGS[mark]);
  span.append(spans(inner));
  made.append(text.slice(0, found.index), span, spans(text.slice(found.index + whole.length)));
  return made;
}

const ALLOWED = new Set(["b", "strong", "i", "em", "u", "s", "del", "code", "pre"]);

// Telegram's HTML: parsed apart from this page, and copied by tags that are known.
export function fromHtml(html) {
  return copied(new DOMParser().parseFromString(html, "text/html").body);
}

function copied(node) {
  const tag = node.nodeName.toLowerCase();
  const made = ALLOWED.has(tag) ? element(tag) : document.createDocumentFragment();
  for (const child of node.childNodes) {
    made.append(child.nodeType === Node.TEXT_NODE ? child.data : copied(child));
  }
  return made;
}
