// sessiond.mjs on a stock phoenix against a running server: pushes 1…n with pauses the test decides on stdin.
//
//   node session_journey.mjs <17|18> <url of /socket> <token> <user> <how many>
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { Session } from "../../clients/javascript/sessiond.mjs";

const require = createRequire(new URL("../phoenix_js/package.json", import.meta.url));
const [version, url, token, user, count] = process.argv.slice(2);
const { Socket } = require(`phoenix${version}`);
const WebSocket = require("ws");
const say = (step, detail = null) => console.log(JSON.stringify({ step, detail }));

const session = new Session(Socket, url, {
  token, user, device: "node", tokenIn: version === "17" ? "query" : "subprotocol",
  socketOptions: { transport: WebSocket, reconnectAfterMs: () => 50, rejoinAfterMs: () => 50 },
  onPush: (event, payload) => say("push", payload.n),
  onJoined: (reply) => say("joined", reply.recovered),
  onNotRecovered: (reason) => say("lost", reason),
  onStopped: (code, reason) => say("stopped", [code, reason]),
});
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "leave") break;
  for (let n = 1; n <= Number(count); n++) await session.push("add", { n: n + Number(line) }, { timeout: 2000, attempts: 20 });
  say("done");
}
session.leave();
