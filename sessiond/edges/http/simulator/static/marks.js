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

const ALLOWED = new Set(["b", "strong", "i", "em", "u", "s", "del", "code", "pre", "a"]);
const PIECE = /<(\/?)([a-z]+)(?: [^<>]*)?>|&(lt|gt|amp|quot|#[0-9]{1,7});|[^<&]+|[<&]/g;
const ENTITIES = { lt: "<", gt: ">", amp: "&", quot: '"' };

const entity = (name) => ENTITIES[name] ?? String.fromCodePoint(Math.min(Number(name.slice(1)), 0x10ffff));

// Telegram's HTML, read by hand: a browser's parser would do more than Telegram's. Links lead nowhere here.
export function fromHtml(html) {
  const open = [document.createDocumentFragment()];
  for (const [whole, closes, tag, name] of html.matchAll(PIECE)) {
    if (name) open.at(-1).append(entity(name));
    else if (!ALLOWED.has(tag)) open.at(-1).append(whole);
    else if (!closes) {
      const made = element(tag === "a" ? "u" : tag);
      open.at(-1).append(made);
      open.push(made);
    } else if (open.length > 1) open.pop();
  }
  return open[0];
}
