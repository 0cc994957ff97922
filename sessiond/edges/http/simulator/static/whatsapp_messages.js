// Meta's webhooks, as written, and its messages, as shown.

import { element } from "/simulator/dom.js";

export function webhook(account, { phone, name }, message) {
  const value = {
    messaging_product: "whatsapp",
    metadata: { display_phone_number: "15550000000", phone_number_id: account.own.phone_number_id },
    contacts: [{ profile: { name }, wa_id: phone }],
    messages: [
      {
        from: phone,
        id: `wamid.person.${crypto.randomUUID()}`,
        timestamp: String(Math.floor(Date.now() / 1000)),
        ...message,
      },
    ],
  };
  const entry = { id: account.own.business_account_id || "0", changes: [{ field: "messages", value }] };
  return JSON.stringify({ object: "whatsapp_business_account", entry: [entry] });
}

const media = (kind, mime_type, more = {}) => ({
  type: kind,
  [kind]: { id: String(Date.now()), mime_type, sha256: "0".repeat(43) + "=", ...more },
});

export const ATTACHMENTS = {
  image: () => media("image", "image/jpeg"),
  audio: () => media("audio", "audio/ogg; codecs=opus", { voice: true }),
  document: () => media("document", "application/pdf", { filename: "paper.pdf" }),
  location: () => ({
    type: "location",
    location: { latitude: 5.6037, longitude: -0.187, name: "Accra" },
  }),
};

const MEDIA = ["image", "video", "audio", "document", "sticker"];

function placeholder(kind, file) {
  const where = file?.filename || file?.link || file?.id || "";
  return element("span", `${kind}${where ? `\n${where}` : ""}`, "media");
}

// A row or button that was tapped is answered once.
function choice(title, description, onTap) {
  const button = element("button", title);
  button.type = "button";
  if (description) button.append(element("small", description));
  button.addEventListener("click", onTap);
  return button;
}

function interactive(item, message, sent, tap) {
  const shown = message.interactive;
  const header = shown.header;
  if (header?.type === "text") item.append(element("b", `${header.text}\n`));
  else if (header) item.append(placeholder(header.type, header[header.type]));
  item.append(shown.body?.text ?? "");
  if (shown.footer?.text) item.append(element("span", shown.footer.text, "small"));
  const choices = element("div", "", "choices");
  const reply = (type, told) => () =>
    tap({ type: "interactive", context: { id: sent.id }, interactive: { type, [type]: told } }, told.title);
  for (const { reply: told } of shown.action?.buttons ?? []) {
    choices.append(choice(told.title, "", reply("button_reply", { id: told.id, title: told.title })));
  }
  for (const section of shown.action?.sections ?? []) {
    if (section.title) choices.append(element("span", section.title, "section"));
    for (const { id, title, description } of section.rows ?? []) {
      const told = description ? { id, title, description } : { id, title };
      choices.append(choice(title, description, reply("list_reply", told)));
    }
  }
  if (shown.type === "location_request_message") {
    const place = () => tap({ ...ATTACHMENTS.location(), context: { id: sent.id } }, "Accra");
    choices.append(choice("Send location", "", place));
  }
  item.append(choices);
}

// Shows what the app sent; *tap* takes the message that a tap sends, and its title.
export function bubble(sent, tap) {
  const message = sent.body;
  const item = element("li");
  const file = message[message.type];
  if (message.type === "text") item.append(message.text.body);
  else if (message.type === "interactive") interactive(item, message, sent, tap);
  else if (MEDIA.includes(message.type)) {
    item.append(placeholder(message.type, file), file?.caption ?? "");
  } else if (message.type === "location") {
    item.append(placeholder("location"), `${file.name ?? ""} ${file.latitude}, ${file.longitude}`);
  } else item.append(element("b", `${message.type}\n`), JSON.stringify(file, null, 2));
  return item;
}
