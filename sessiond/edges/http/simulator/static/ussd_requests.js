// The requests of the providers of answering accounts, and how to read what is answered.
//
// A call is {session, phone, name, typed: [what was typed, the dialled code first], begins}.
// Read: {text, isLast}.

import { digits } from "/simulator/dom.js";

const JSON_TYPE = { "content-type": "application/json" };
const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" };

const last = (call) => call.typed.at(-1);

function address(account, query = {}) {
  const all = new URLSearchParams(account.token ? { ...query, token: account.token } : query);
  const text = all.toString();
  return text ? `${account.path}?${text}` : account.path;
}

const json = (account, fields) => ({
  method: "POST",
  path: address(account),
  headers: JSON_TYPE,
  body: JSON.stringify(fields),
});

const nalo = {
  write: (account, call) =>
    json(account, {
      USERID: account.own.user_id || "simulator",
      MSISDN: digits(call.phone),
      USERDATA: last(call),
      MSGTYPE: call.begins,
      SESSIONID: call.session,
      NETWORK: "MTN",
    }),
  read: (text) => {
    const screen = JSON.parse(text);
    return { text: screen.MSG, isLast: !screen.MSGTYPE };
  },
};

const nsano = {
  write: (account, call) =>
    json(account, {
      network: "MTN",
      msisdn: digits(call.phone),
      msg: last(call),
      UserSessionID: call.session,
    }),
  read: (text) => {
    const screen = JSON.parse(text).USSDResp;
    return { text: screen.title, isLast: screen.action !== "input" };
  },
};

// What was dialled behind the service code are answers: 1 and 2 of *384*1*2#.
function dialledAnswers(code, dialled) {
  const stem = (code || "").replace(/#$/, "");
  return stem && dialled.startsWith(`${stem}*`) ? dialled.slice(stem.length + 1).replace(/#$/, "") : "";
}

const africastalking = {
  write: (account, call) => {
    const { fields, method, cumulative, service_code: code } = account.own;
    const [dialled, ...answers] = call.typed;
    const extra = dialledAnswers(code, dialled);
    const everything = [...(extra ? [extra] : []), ...answers];
    const told = {
      [fields.session]: call.session,
      [fields.phone]: `+${digits(call.phone)}`,
      [fields.network]: "62001",
      [fields.service_code]: code || dialled,
      [fields.text]: cumulative ? everything.join("*") : (everything.at(-1) ?? ""),
    };
    if (method === "GET") return { method, path: address(account, told), headers: {} };
    const body = new URLSearchParams(told).toString();
    return { method, path: address(account), headers: FORM_TYPE, body };
  },
  // "End of session notifications": to the same address, without the text.
  hungUp: (account, call) => {
    const { fields, method, service_code: code } = account.own;
    const told = {
      [fields.session]: call.session,
      [fields.service_code]: code || call.typed[0],
      [fields.network]: "62001",
      [fields.phone]: `+${digits(call.phone)}`,
      status: "Incomplete",
      hopsCount: String(call.typed.length),
    };
    if (method === "GET") return { method, path: address(account, told) };
    return { method, path: address(account), headers: FORM_TYPE, body: new URLSearchParams(told).toString() };
  },
  read: (text) => ({ text: text.slice(4), isLast: !text.startsWith("CON") }),
};

const http = {
  write: (account, call) => ({
    method: "POST",
    path: account.path,
    headers: account.token
      ? { ...JSON_TYPE, authorization: `Bearer ${account.token}` }
      : JSON_TYPE,
    body: JSON.stringify({
      session_id: call.session,
      user_id: digits(call.phone),
      msisdn: call.phone,
      name: call.name,
      input: last(call),
    }),
  }),
  read: (text) => {
    const shown = JSON.parse(text);
    const choices = (shown.choices ?? []).map((choice) => `${choice.key}: ${choice.value}`);
    const media = shown.media ? [`[${shown.media.type}] ${shown.media.url}`] : [];
    const lines = [...media, shown.message ?? "", ...choices];
    return { text: lines.filter(Boolean).join("\n"), isLast: shown.type === "terminal" };
  },
};

export const KINDS = { nalo, nsano, africastalking, http };
