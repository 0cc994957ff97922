// Telegram's updates, as written, and the calls of its Bot API, as shown. The person's id is the phone number's digits.

import { button, element } from "/simulator/dom.js";
import { fromHtml } from "/simulator/marks.js";
import { placeholder } from "/simulator/whatsapp.js";

let lastId = Date.now() * 1000;
const nextId = () => (lastId += 1);
const now = () => Math.floor(Date.now() / 1000);
const waiting = new Map(); // taps that the app has not acknowledged yet

function around({ phone, name }) {
  const id = Number(phone);
  return {
    chat: { id, type: "private", first_name: name },
    from: { id, is_bot: false, first_name: name || "Somebody", language_code: "en" },
  };
}

// What is said is the fields of a message; of a tap {tap: its id, data, on: the message's id}.
function webhook(_account, me, said) {
  const { chat, from } = around(me);
  const update = { update_id: nextId() };
  if (said.tap) {
    const message = { message_id: Number(said.on), date: now(), chat };
    update.callback_query = { id: said.tap, from, message, chat_instance: "1", data: said.data };
  } else {
    const { contact, ...rest } = said;
    update.message = { message_id: nextId() % 1_000_000_000, date: now(), chat, from, ...rest };
    if (contact) update.message.contact = { phone_number: `+${me.phone}`, first_name: from.first_name, user_id: from.id };
  }
  return { body: JSON.stringify(update) };
}

const file = (more = {}) => ({ file_id: `simulator-${nextId()}`, file_unique_id: String(nextId()), ...more });
const place = () => ({ location: { latitude: 5.6037, longitude: -0.187 } });

const ATTACHMENTS = {
  image: { title: "Picture", said: () => ({ photo: [file({ width: 640, height: 480 })] }) },
  audio: { title: "Voice", said: () => ({ voice: file({ duration: 3, mime_type: "audio/ogg" }) }) },
  video: { title: "Video", said: () => ({ video: file({ width: 640, height: 480, duration: 3, mime_type: "video/mp4" }) }) },
  document: { title: "Document", said: () => ({ document: file({ file_name: "paper.pdf", mime_type: "application/pdf" }) }) },
  location: { title: "Place", said: place },
  contact: { title: "My contact", said: () => ({ contact: true }) },
};

function sentFile(_account, { id, type, name }) {
  const told = { file_id: id, file_unique_id: id, mime_type: type };
  const family = type.split("/")[0];
  if (family === "image") return { photo: [{ ...told, width: 640, height: 480 }] };
  if (family === "audio") return { voice: { ...told, duration: 3 } };
  if (family === "video") return { video: { ...told, width: 640, height: 480, duration: 3 } };
  return { document: { ...told, file_name: name } };
}

const MEDIA = { sendPhoto: "photo", sendDocument: "document", sendAudio: "audio", sendVideo: "video", sendSticker: "sticker" };

function inline(item, call, rows, send) {
  const choices = element("div", "", "choices");
  for (const row of rows) {
    const line = element("div", "", "row");
    for (const { text, callback_data: data } of row) {
      const made = button(text, async () => {
        const tap = String(nextId());
        waiting.set(tap, made);
        made.setAttribute("aria-busy", "true");
        if (!(await send({ tap, data, on: call.id }, text))) settle(tap);
      });
      line.append(made);
    }
    choices.append(line);
  }
  item.append(choices);
}

function settle(tap) {
  waiting.get(tap)?.removeAttribute("aria-busy");
  waiting.delete(tap);
}

// The keys of the keyboard below the chat; they go away once something was said.
function keys(keyboard, rows, send) {
  keyboard.replaceChildren();
  for (const row of rows) {
    const line = element("div", "", "row");
    for (const key of row) {
      const { text, ...asks } = typeof key === "string" ? { text: key } : key;
      const said = asks.request_location ? place : asks.request_contact ? () => ({ contact: true }) : () => ({ text });
      line.append(button(text, () => send(said(), text)));
    }
    keyboard.append(line);
  }
}

function show(item, call, { send, keyboard }) {
  const { method, ...told } = call.body;
  if (method === "answerCallbackQuery") settle(told.callback_query_id);
  if (!method.startsWith("send")) return false;
  const kind = MEDIA[method];
  if (kind) item.append(placeholder(kind, told[kind]));
  const text = told.text ?? told.caption ?? "";
  if (kind || method === "sendMessage") item.append(told.parse_mode === "HTML" ? fromHtml(text) : text);
  else item.append(element("b", `${method}\n`), JSON.stringify(told, null, 2));
  const markup = told.reply_markup ?? {};
  if (markup.inline_keyboard) inline(item, call, markup.inline_keyboard, send);
  if (markup.keyboard) keys(keyboard, markup.keyboard, send);
  if (markup.remove_keyboard) keyboard.replaceChildren();
  return true;
}

export const telegram = {
  text: (text) => ({ text }),
  attachments: () => ATTACHMENTS,
  file: sentFile,
  webhook,
  show,
  to: (body) => body.chat_id ?? "",
  what: (body) => body.method,
};
