// A phone in a terminal: it plays the system that runs the app. Its push service is the emulator's, which keeps the
// app's messages in a sink; its calls are lines that you type. What happens is a JSON line each.
import { createInterface } from "node:readline";
import { HandsetApp } from "./app.js";
import { Gateway, register } from "./gateway.js";

const { BASE_URL = "http://127.0.0.1:8700", APP_KEY, PHONE = "919900112233" } = process.env;
const pushToken = `sink:phone-${PHONE}`;
const messages = `${BASE_URL}/emulator/v1/sinks/phone-${PHONE}/requests`;
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

async function signIn() {
  const { token } = await register(BASE_URL, APP_KEY, { phoneNumber: PHONE, appVersion: "4.2.0", pushToken });
  return new Gateway(BASE_URL, token);
}

const app = new HandsetApp(await signIn());
await app.catchUp();
say("registered", { held: app.held.size });

let isAwake = false;
let seen = 0;

/** What the SDK of the push service does: it starts the app for each message. */
async function look() {
  const came = await (await fetch(messages)).json();
  const news = came.slice(seen).map((one) => JSON.parse(one.body));
  seen = came.length;
  if (isAwake || !news.some((one) => one.data.type === "callmark.wake" && one.data.phone_number === PHONE)) return;
  isAwake = true;
  say("woken", { by: typeof WebSocket === "function" ? "stream" : "http" });
  await app.wake(Number(process.env.STAYS_MS ?? 5000)).finally(() => {
    isAwake = false;
  });
  say("asleep", { held: app.held.size });
}

const looking = setInterval(() => look().catch((error) => say("trouble", { error: error.message })), 100);

let call = null;
const lines = {
  async call(number) {
    call = await app.ring(number);
    say("rings", {
      name: call.identity?.name ?? null,
      reason: call.identity?.call_reason ?? null,
      source: call.source,
    });
  },
  async answered() {
    await app.ended(call, "answered");
  },
  async missed() {
    await app.ended(call, "missed");
  },
  async rejected() {
    await app.ended(call, "rejected");
  },
  async back() {
    await app.callMeBack(call);
  },
  async forget() {
    await app.gateway.forget();
  },
  async register() {
    await app.registered(await signIn());
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [word, number] = line.trim().split(/\s+/);
  if (!Object.hasOwn(lines, word)) {
    say("unknown", { lines: Object.keys(lines) });
    continue;
  }
  try {
    await lines[word](number);
    say("done", { line: word });
  } catch (error) {
    say("failed", { line: word, error: error.message });
  }
}
clearInterval(looking);
