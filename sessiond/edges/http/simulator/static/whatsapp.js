// Meta's webhooks, as written, and its messages, as shown.

import { button, element } from "/simulator/dom.js";
import { fromMarks } from "/simulator/marks.js";

const now = () => String(Math.floor(Date.now() / 1000));

function changed(account, more) {
  const value = {
    messaging_product: "whatsapp",
    metadata: { display_phone_number: "15550000000", phone_number_id: account.own.phone_number_id },
    ...more,
  };
  const entry = { id: account.own.business_account_id || "0", changes: [{ field: "messages", value }] };
  return { body: JSON.stringify({ object: "whatsapp_business_account", entry: [entry] }) };
}

function webhook(account, { phone, name }, said) {
  const id = `wamid.person.${crypto.randomUUID()}`;
  return changed(account, {
    contacts: [{ profile: { name }, wa_id: phone }],
    messages: [{ from: phone, id, timestamp: now(), ...said }],
  });
}

// 131026: the message could not be delivered.
const FAULT = { code: 131026, title: "Message undeliverable", message: "Message undeliverable" };

const status = (account, { id, body }, state) =>
  changed(account, {
    statuses: [
      {
        id,
        status: state,
        timestamp: now(),
        recipient_id: body.to,
        biz_opaque_callback_data: body.biz_opaque_callback_data,
        ...(state === "failed" ? { errors: [FAULT] } : {}),
      },
    ],
  });

const file = (kind, mime_type, more = {}) => () => ({
  type: kind,
  [kind]: { id: String(Date.now()), mime_type, sha256: `${"0".repeat(43)}=`, ...more },
});

const MEDIA = ["image", "video", "audio", "document", "sticker"];
const FAMILIES = { image: "image", audio: "audio", video: "video" };

function sentFile(_account, { id, type, name }) {
  const kind = FAMILIES[type.split("/")[0]] ?? "document";
  const named = kind === "document" ? { filename: name } : {};
  return { type: kind, [kind]: { id, mime_type: type, ...named } };
}

const place = () => ({
  type: "location",
  location: { latitude: 5.6037, longitude: -0.187, name: "Accra" },
});

const card = () => ({
  type: "contacts",
  contacts: [{ name: { formatted_name: "Kofi Mensah", first_name: "Kofi" }, phones: [{ phone: "+233201234567" }] }],
});

const ATTACHMENTS = {
  image: { title: "Picture", said: file("image", "image/jpeg") },
  audio: { title: "Voice", said: file("audio", "audio/ogg; codecs=opus", { voice: true }) },
  video: { title: "Video", said: file("video", "video/mp4") },
  document: { title: "Document", said: file("document", "application/pdf", { filename: "paper.pdf" }) },
  location: { title: "Place", said: place },
  contact: { title: "Contact", said: card },
};

export function placeholder(kind, where = "") {
  return element("span", where ? `${kind}\n${where}` : kind, "media");
}

const source = (told) => told?.filename || told?.link || told?.id || "";

function choice({ title, description }, onTap) {
  const made = button(title, onTap);
  if (description) made.append(element("small", description));
  return made;
}

function interactive(item, call, send) {
  const shown = call.body.interactive;
  const header = shown.header;
  if (header?.type === "text") item.append(element("b", `${header.text}\n`));
  else if (header) item.append(placeholder(header.type, source(header[header.type])));
  item.append(fromMarks(shown.body?.text ?? ""));
  if (shown.footer?.text) item.append(element("span", shown.footer.text, "small"));
  const context = { id: call.id };
  const tap = (type, told) => () =>
    send({ type: "interactive", context, interactive: { type, [type]: told } }, told.title);
  const choices = element("div", "", "choices");
  for (const { reply } of shown.action?.buttons ?? []) {
    const told = { id: reply.id, title: reply.title };
    choices.append(choice(told, tap("button_reply", told)));
  }
  if (shown.type === "list") choices.append(rows(shown.action, tap));
  if (shown.type === "location_request_message") {
    choices.append(choice({ title: "Send location" }, () => send({ ...place(), context }, "[Place]")));
  }
  item.append(choices);
}

// Opened by its button, and closed by a choice, as on the phone.
function rows(action, tap) {
  const list = element("details");
  list.addEventListener("toggle", () => list.scrollIntoView({ block: "nearest" }));
  list.append(element("summary", action.button));
  for (const section of action.sections ?? []) {
    if (section.title) list.append(element("span", section.title, "section"));
    for (const { id, title, description } of section.rows ?? []) {
      const told = description ? { id, title, description } : { id, title };
      const chosen = tap("list_reply", told);
      list.append(
        choice(told, () => {
          list.open = false;
          chosen();
        }),
      );
    }
  }
  return list;
}

function template(item, { name, language, components = [] }) {
  const filled = components.flatMap(({ parameters = [] }) => parameters.map(({ text }) => text));
  item.append(placeholder("template", `${name} (${language?.code})`), filled.join("\n"));
}

function show(item, call, { send }) {
  const message = call.body;
  if (!message.type) return false; // seen, typing …
  const told = message[message.type];
  if (message.type === "text") item.append(fromMarks(told.body));
  else if (message.type === "interactive") interactive(item, call, send);
  else if (message.type === "template") template(item, told);
  else if (message.type === "location") {
    item.append(placeholder("location"), `${told.name ?? ""} ${told.latitude}, ${told.longitude}`);
  } else if (MEDIA.includes(message.type)) {
    item.append(placeholder(message.type, source(told)), fromMarks(told?.caption ?? ""));
  } else item.append(element("b", `${message.type}\n`), JSON.stringify(told, null, 2));
  return true;
}

export const whatsapp = {
  text: (text) => ({ type: "text", text: { body: text } }),
  attachments: () => ATTACHMENTS,
  file: sentFile,
  webhook,
  status,
  show,
  to: (body) => body.to ?? "",
  what: (body) => [body.type ?? body.status ?? (body.upload ? "upload" : "call"), body.interactive?.type].filter(Boolean).join(" "),
};
