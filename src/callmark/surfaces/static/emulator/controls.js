// The emulator's page: clock, faults, seed, reset, handsets - each a request of the control API.
import { ask, askText, change, say, saying } from "./api.js";
import { instant, ProductClock } from "./clock.js";
import { setText } from "./device.js";

const clock = new ProductClock();
const part = (name) => document.querySelector(`[data-${name}]`);
const values = (form) =>
  Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim() !== "").map(([k, v]) => [k, v.trim()]));

function onSubmit(name, work) {
  part(name).addEventListener("submit", (event) => {
    event.preventDefault();
    work(event.target);
  });
}

async function refresh() {
  try {
    clock.set(Date.parse((await ask("GET", "clock")).now));
    drawFaults(await ask("GET", "faults"));
    const seed = /-?\d+/.exec(await askText("GET", "seed"))?.[0]; // all of its 64 bits
    setText(part("seed-now"), seed ? `Seed now: ${seed}` : "No seed: random");
    drawHandsets(await ask("GET", "handsets"));
    tick();
  } catch (error) {
    say(error.message, true);
  }
}

async function advance(seconds) {
  say("Moving the clock…");
  await change("POST", "clock", { advance_s: seconds }, "The clock has moved in every process.");
  refresh();
}

function drawFaults(faults) {
  const told = [];
  if (faults.count) told.push(`the next ${faults.count} requests answer ${faults.status} ${faults.slug}`);
  if (faults.latency_ms) told.push(`${faults.latency_ms} ms added to each request`);
  if (faults.drop_every) told.push(`one push in ${faults.drop_every} is dropped`);
  setText(part("faults-now"), told.length ? told.join(", ") : "none");
}

function drawHandsets(handsets) {
  part("handsets").replaceChildren(...handsets.map(row));
}

function row(one) {
  const line = part("handset-line").content.firstElementChild.cloneNode(true);
  const [number, state, kind, script] = line.querySelectorAll("[data-cell]");
  const link = Object.assign(document.createElement("a"), { href: `/emulator/handsets/${one.phone_number}` });
  link.textContent = one.phone_number;
  number.append(link);
  state.textContent = !one.registered
    ? "no app"
    : one.connected
      ? "connected"
      : one.asleep
        ? "sleeping"
        : one.online
          ? "connecting"
          : "offline";
  kind.textContent = `${one.os} ${one.app_version}`;
  script.textContent = JSON.stringify(one.script);
  const [toggle, edit, remove] = line.querySelectorAll("button");
  toggle.textContent = one.online ? "Take offline" : "Bring online";
  toggle.addEventListener("click", () => act("PATCH", one.phone_number, { online: !one.online }, "changed"));
  edit.addEventListener("click", () => fill(one));
  remove.addEventListener("click", () => askToRemove(one.phone_number));
  return line;
}

function askToRemove(phone) {
  const lost = "It loses what it holds. Of the handsets from the start, only Reset brings it back.";
  if (window.confirm(`Remove the handset ${phone}? ${lost}`)) act("DELETE", phone, undefined, "removed");
}

async function act(method, phone, body, word) {
  await change(method, `handsets/${phone}`, body, `${phone} ${word}.`);
  refresh();
}

function fill(one) {
  const form = part("handset-form");
  form.elements.phone_number.value = one.phone_number;
  form.elements.os.value = one.os;
  form.elements.app_version.value = one.app_version;
  form.elements.script.value = JSON.stringify(one.script);
  form.elements.script.focus();
}

/** The form's handset; undefined when its script is no JSON. */
function handsetOf(form) {
  const { script, ...rest } = values(form);
  try {
    return { ...rest, ...(script ? { script: JSON.parse(script) } : {}) };
  } catch {
    say('The script is not valid JSON, for example {"ack_delay_s": 2}', true);
    return undefined;
  }
}

async function send(method, form) {
  const handset = handsetOf(form);
  if (!handset) return;
  const path = method === "POST" ? "handsets" : `handsets/${handset.phone_number ?? ""}`;
  await change(method, path, handset, `${handset.phone_number} ${method === "POST" ? "created" : "changed"}.`);
  refresh();
}

function tick() {
  setText(part("clock"), instant(clock.now()));
}

for (const button of document.querySelectorAll("[data-advance]")) {
  button.addEventListener("click", () => advance(Number(button.dataset.advance)));
}
onSubmit("clock-form", (form) => advance(Number(values(form).advance_s)));
onSubmit("faults-form", async (form) => {
  const { slug, ...numbers } = values(form);
  const faults = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value)]));
  await change("PUT", "faults", { ...faults, ...(slug ? { slug } : {}) }, "Faults set.");
  refresh();
});
part("faults-clear").addEventListener("click", async () => {
  await change("DELETE", "faults", undefined, "Faults cleared.");
  refresh();
});
onSubmit("seed-form", async (form) => {
  const { seed } = values(form);
  const digits = /^-?\d+$/.test(seed) ? BigInt(seed) : Number(seed);
  await saying(() => askText("PUT", "seed", `{"seed": ${digits}}`), "Seed set.");
  refresh();
});
async function reset(question, body, done) {
  if (!window.confirm(question)) return;
  say("Resetting…");
  await change("POST", "reset", body, done);
  refresh();
}

part("reset").addEventListener("click", () =>
  reset(
    "Delete records, calls, events, emails, sinks and the handsets that you created, and reset the clock and faults?",
    {},
    "Reset. Accounts, keys, labels and webhooks are still there.",
  ),
);
part("reset-to-seed").addEventListener("click", () =>
  reset(
    "Delete everything that was added since the first start, also accounts, people, keys, labels and webhooks, " +
      "and undo every change?",
    { to: "seed" },
    "Reset to the first start.",
  ),
);
onSubmit("handset-form", (form) => send("POST", form));
part("handset-change").addEventListener("click", () => send("PATCH", part("handset-form")));
setInterval(tick, 500);
setInterval(() => document.hidden || refresh(), 5000);
refresh();
