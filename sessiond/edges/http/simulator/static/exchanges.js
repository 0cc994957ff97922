// Requests, and the log of what was really sent and answered.

import { append, byId, element } from "/simulator/dom.js";

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

// A token in an address does not belong on screenshots.
const masked = (path) => path.replace(/([?&]token=)[^&]*/, "$1…");

// The newest is open, unless somebody wants to see others.
function openAlone(log, details) {
  const before = log.querySelector("details[data-by-itself]");
  if (before) {
    before.open = false;
    delete before.dataset.byItself;
  }
  details.open = true;
  details.dataset.byItself = "yes";
}

export function note({ title, status = "", isBad = false, parts = {}, opens = true }) {
  const item = element("li");
  const details = element("details");
  const summary = element("summary", `${title} `);
  summary.append(element("span", String(status), isBad ? "status bad" : "status"));
  details.append(summary);
  for (const [name, text] of Object.entries(parts)) {
    if (!text) continue;
    details.append(element("div", name, "part"), element("pre", pretty(text)));
  }
  item.append(details);
  const log = byId("log");
  if (opens || isBad) openAlone(log, details);
  append(log, item);
}

// Returns {status, text}; status 0: there was no answer. *what* is said in the log beside the address;
// *opens*: whether it is shown there at once.
export async function exchange(method, path, { headers = {}, body, what = "", opens = true } = {}) {
  const began = performance.now();
  let status = 0;
  let text = "";
  try {
    const response = await fetch(path, { method, headers, body, cache: "no-store" });
    status = response.status;
    text = await response.text();
  } catch (error) {
    text = String(error);
  }
  const took = Math.round(performance.now() - began);
  note({
    title: `→ ${method} ${masked(path)}${what && ` (${what})`}`,
    status: `${status || "no answer"} · ${took} ms`,
    isBad: status === 0 || status >= 400,
    parts: { request: body instanceof Blob ? `(${body.size} bytes)` : (body ?? ""), answer: text },
    opens,
  });
  return { status, text };
}
