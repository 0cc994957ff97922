// The websocket as it is: Phoenix frames, [join_ref, ref, topic, event, payload].

import { append, byId, element } from "/simulator/dom.js";

const HEARTBEAT = 30_000;

export function openSocketTab(setup) {
  const frames = byId("socket-frames");
  let socket = null;
  let topic = "";
  let ref = 1;

  byId("socket-token").readOnly = setup.issues_tokens;

  const line = (text, className = "") => append(frames, element("li", text, className));

  function show(state) {
    byId("socket-state").textContent = state;
    byId("socket-connect").disabled = state !== "closed";
    byId("socket-close").disabled = state === "closed";
    byId("socket-push").disabled = state !== "open";
    document.body.dataset.socket = state;
  }

  function send(frame) {
    const text = JSON.stringify(frame);
    line(text, "mine");
    socket.send(text);
  }

  async function tokenOf(user) {
    const field = byId("socket-token");
    if (!setup.issues_tokens) return field.value.trim();
    const query = new URLSearchParams({ user });
    const answer = await fetch(`/simulator/token?${query}`, { method: "POST" });
    const told = await answer.json();
    if (!answer.ok) throw new Error(`no token: ${told.message}`);
    return (field.value = told.token);
  }

  async function connect(user) {
    show("connecting");
    let token;
    try {
      token = await tokenOf(user);
    } catch (error) {
      line(error.message, "note");
      show("closed");
      return;
    }
    topic = `user:${user}`;
    const query = new URLSearchParams({ vsn: "2.0.0", token });
    const opened = (socket = new WebSocket(`ws://${location.host}/socket/websocket?${query}`));
    const beat = setInterval(() => {
      if (opened.readyState === WebSocket.OPEN) send([null, String(ref++), "phoenix", "heartbeat", {}]);
    }, HEARTBEAT);
    opened.addEventListener("open", () => {
      show("open");
      send(["1", String(ref++), topic, "phx_join", {}]);
    });
    opened.addEventListener("message", (event) => line(event.data));
    opened.addEventListener("close", (event) => {
      clearInterval(beat);
      line(`closed (${event.code} ${event.reason})`, "note");
      if (socket === opened) show("closed");
    });
  }

  byId("socket-open").addEventListener("submit", (event) => {
    event.preventDefault();
    connect(byId("socket-user").value.trim());
  });
  byId("socket-close").addEventListener("click", () => socket?.close());
  byId("socket-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (socket?.readyState !== WebSocket.OPEN) return;
    let payload;
    try {
      payload = JSON.parse(byId("socket-payload").value || "{}");
    } catch (error) {
      line(`the payload is no JSON: ${error.message}`, "note");
      return;
    }
    send(["1", String(ref++), topic, byId("socket-event").value.trim(), payload]);
  });

  function restart() {
    socket?.close();
    frames.replaceChildren();
  }
  show("closed");
  return { restart };
}
