// Twilio's webhooks, as written, and the forms that it is sent, as shown: SMS, or WhatsApp without buttons.

import { element } from "/simulator/dom.js";
import { measure } from "/simulator/gsm.js";
import { fromMarks } from "/simulator/marks.js";
import { placeholder } from "/simulator/whatsapp.js";

const FORM = "application/x-www-form-urlencoded";
const hex = () => crypto.randomUUID().replaceAll("-", "");
const isWhatsApp = (account) => account.own.platform === "whatsapp";

function addressed(account, phone) {
  const { sender, messaging_service_sid: service } = account.own;
  const prefix = isWhatsApp(account) ? "whatsapp:" : "";
  return {
    theirs: `${prefix}+${phone}`,
    ours: `${prefix}${sender || "+15005550006"}`,
    around: { AccountSid: account.own.account_sid, ...(service ? { MessagingServiceSid: service } : {}) },
  };
}

function webhook(account, { phone, name }, said) {
  const { theirs, ours, around } = addressed(account, phone);
  const sid = `SM${hex()}`;
  const profile = isWhatsApp(account) ? { ProfileName: name, WaId: phone, MessageType: "text" } : {};
  const fields = { MessageSid: sid, SmsSid: sid, ...around, From: theirs, To: ours, Body: "", NumMedia: "0", NumSegments: "1", ...profile, ...said };
  return { type: FORM, body: new URLSearchParams(fields).toString() };
}

// To where the account asked for it; 30003: the phone cannot be reached. Whether an SMS was read nobody knows.
function status(account, { id, body }, state) {
  if (!body.StatusCallback || (state === "read" && !isWhatsApp(account))) return null;
  const { pathname, search } = new URL(body.StatusCallback);
  const { ours, around } = addressed(account, "");
  const fields = { MessageSid: id, SmsSid: id, ...around, MessageStatus: state, To: body.To, From: body.From ?? ours };
  if (state === "failed") fields.ErrorCode = "30003";
  return { path: pathname + search, type: FORM, body: new URLSearchParams(fields).toString() };
}

function sentFile(account, { id, type }) {
  const messages = `/simulator/provider/${account.name}/2010-04-01/Accounts/${account.own.account_sid}/Messages`;
  const url = `${location.origin}${messages}/MM${hex()}/Media/ME${id}`;
  return { NumMedia: "1", MediaUrl0: url, MediaContentType0: type };
}

const file = (account, type) => () => sentFile(account, { id: hex(), type });

function attachments(account) {
  const found = {
    image: { title: "Picture", said: file(account, "image/jpeg") },
    document: { title: "Document", said: file(account, "application/pdf") },
  };
  if (!isWhatsApp(account)) return found;
  const place = () => ({ Latitude: "5.6037", Longitude: "-0.187", Label: "Accra", MessageType: "location" });
  return {
    ...found,
    audio: { title: "Voice", said: file(account, "audio/ogg") },
    location: { title: "Place", said: place },
  };
}

function show(item, { body }, { account }) {
  const text = body.Body ?? "";
  for (const url of [body.MediaUrl ?? []].flat()) item.append(placeholder("media", url));
  if (body.ContentSid) item.append(placeholder("template", body.ContentSid), body.ContentVariables ?? "");
  if (isWhatsApp(account)) item.append(fromMarks(text));
  else if (text) {
    const { alphabet, length } = measure(text);
    item.append(text, element("span", `${length} ${alphabet}`, "small"));
  }
  return true;
}

export const twilio = {
  label: (account) => (isWhatsApp(account) ? "WhatsApp by Twilio" : "SMS by Twilio"),
  text: (text) => ({ Body: text }),
  attachments,
  file: sentFile,
  webhook,
  status,
  show,
  to: (body) => body.To ?? "",
  what: (body) => (body.ContentSid ? "template" : "message"),
};
