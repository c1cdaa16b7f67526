// The page of one handset: its device, and beside it what it holds, its calls and its switches.
import { AfterView } from "./after_view.js";
import { change, say } from "./api.js";
import { countdown, instant } from "./clock.js";
import { drawDevice, readable, STATUS, setText } from "./device.js";
import { Phone } from "./phone.js";

const main = document.querySelector("[data-phone]");
const device = document.querySelector("[data-device]");
const part = (name) => document.querySelector(`[data-${name}]`);
const phone = new Phone(main.dataset.phone);
const afterView = new AfterView(device, phone);
let drawn = "";
let seen = null;

const EXPLAINED = {
  connecting: "Connecting to the gateway.",
  online: "Connected to the gateway.",
  offline: "Offline. Pushes to this number fail now. Records that are still valid arrive when it is online again.",
  sleeping: "Sleeping, without a connection. A push wakes the app, and so does a call.",
  reconnecting: "The connection is lost. Reconnecting.",
  unregistered: "No app is registered on this number, so pushes find no user and nothing is shown.",
  "signed-out": "Signed out",
  taken: "The handset is no longer connected",
  gone: "This handset does not exist",
  away: "Waiting for the virtual handsets",
};

function draw() {
  const now = phone.clock.now();
  const { number, status, call, after, history } = phone;
  const zone = phone.handset?.time_zone;
  drawDevice(device, { number, zone, now, status, call, after, history });
  afterView.draw();
  if (call && call.id !== seen) device.scrollIntoView({ block: "nearest" }); // on a small screen its buttons are above
  seen = call?.id;
  setText(part("clock"), instant(now));
  setText(part("state"), STATUS[phone.status]);
  part("state").dataset.state = phone.status;
  setText(part("state-why"), `${EXPLAINED[phone.status]}${phone.reason ? `: ${phone.reason}.` : ""}`);
  part("sign-in").hidden = phone.status !== "signed-out";
  part("take-back").hidden = phone.status !== "taken";
  drawSwitch();
  drawHeld(now);
  drawHistory();
  setText(part("shown-why"), phone.call?.screen.why ?? phone.history[0]?.screen.why ?? "No call yet.");
}

function drawSwitch() {
  const online = part("online");
  online.disabled = !phone.handset || ["taken", "away", "unregistered", "signed-out"].includes(phone.status);
  if (phone.handset && document.activeElement !== online) online.checked = phone.handset.online;
  if (!phone.handset) return;
  const { os, app_version: version, script } = phone.handset;
  const behaves = Object.entries(script).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  setText(part("kind"), [os === "ios" ? "iOS" : "Android", `app ${version}`, ...behaves].join(" · "));
}

function drawHeld(now) {
  const { held: list, memory, most_held: most } = phone.handset ?? { held: [], memory: { held: 0, refused: 0 } };
  part("held-none").hidden = list.length > 0;
  part("held-full").hidden = !memory.refused;
  setText(
    part("held-full"),
    `Full: the handset stores at most ${most} records. It did not acknowledge ${memory.refused} more.`,
  );
  part("held-more").hidden = memory.held === list.length;
  setText(part("held-more"), `The newest ${list.length} of ${memory.held} are listed.`);
  const key = list.map((one) => one.id).join();
  const rows = part("held");
  if (rows.dataset.key !== key) {
    rows.dataset.key = key;
    rows.replaceChildren(...list.map(heldRow));
  }
  list.forEach((one, i) => {
    const open = one.starts_at <= now && now < one.record.ends_at;
    rows.children[i].dataset.window = open ? "open" : now < one.starts_at ? "coming" : "ended";
    const window = open
      ? `open, ${countdown(one.record.ends_at - now)} left`
      : now < one.starts_at
        ? `opens in ${countdown(one.starts_at - now)}`
        : "ended";
    setText(rows.children[i].querySelector(".cm-window"), window);
  });
}

function heldRow(one) {
  const row = part("held-row").content.firstElementChild.cloneNode(true);
  row.querySelector("img").src = one.logo_url;
  row.querySelector(".cm-held-name").textContent = one.name;
  row.querySelector(".cm-held-reason").textContent = one.call_reason ?? "";
  row.querySelector(".cm-held-caller").textContent = readable(one.caller_number);
  row.title = `${one.id}: ${instant(one.starts_at)} to ${instant(one.record.ends_at)}`;
  return row;
}

function drawHistory() {
  const key = phone.history[0]?.id ?? "";
  if (key === drawn) return;
  drawn = key;
  part("history-none").hidden = phone.history.length > 0;
  part("history").replaceChildren(...phone.history.map(historyRow));
}

function historyRow({ outcome, caller, began, screen }) {
  const row = part("history-row").content.firstElementChild.cloneNode(true);
  row.dataset.outcome = outcome;
  row.querySelector(".cm-outcome").textContent = outcome;
  row.querySelector(".cm-who").textContent = screen.name ?? readable(caller);
  row.querySelector(".cm-said").textContent = screen.name ? (screen.call_reason ?? "") : screen.why;
  row.querySelector("time").textContent = instant(began);
  return row;
}

const note = (problem) => say(problem, true);
phone.listen(device);
for (const name of ["sign-in", "take-back"])
  part(name).addEventListener("click", () => phone.gesture("sign_in").then(note));
part("online").addEventListener("change", (event) => {
  event.target.blur();
  change("PATCH", `handsets/${phone.number}`, { online: event.target.checked });
});
part("ring").addEventListener("submit", (event) => {
  event.preventDefault();
  phone.gesture("ring", { caller: new FormData(event.target).get("caller") }).then(note);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") phone.touch("reject");
});
phone.addEventListener("change", () => requestAnimationFrame(draw));
setInterval(draw, 500);
phone.start();
draw();
