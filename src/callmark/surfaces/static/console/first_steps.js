/* The phone in the card of first steps: a virtual handset, shown as the emulator's own pages do (emulator/phone.js). */
import { AfterView } from "../emulator/after_view.js";
import { ask } from "../emulator/api.js";
import { drawDevice, STATUS } from "../emulator/device.js";
import { Phone } from "../emulator/phone.js";

const place = document.querySelector("[data-first-phone]");
const { firstPhone: number, firstCaller: caller } = place.dataset;
const device = place.querySelector("[data-device]");
const state = place.querySelector("[data-first-state]");
const take = place.querySelector("[data-first-take]");
const part = (name) => device.querySelector(`[data-${name}]`);
const phone = new Phone(number);
const after = new AfterView(device, phone);
let told = "";

function draw() {
  const { status, call, after: said, history } = phone;
  drawDevice(device, {
    number,
    zone: phone.handset?.time_zone,
    now: phone.clock.now(),
    status,
    call,
    after: said,
    history,
  });
  after.draw();
  const text = told || `Phone: ${STATUS[status]}`;
  if (state.textContent !== text) state.textContent = text;
  take.hidden = !["taken", "signed-out", "gone"].includes(status);
  follow();
}

/** From a press of `Ring` on, the keyboard goes where the phone goes, and back when it is done, unless it left. */
let rangBy = "";
let wasThere = false;
function follow() {
  const focused = document.activeElement;
  if (!rangBy || (device.contains(focused) && focused.checkVisibility())) return;
  const isFree = focused === document.body || focused.id === rangBy || device.contains(focused);
  const next = [part("answer"), ...device.querySelectorAll("button")].find((button) => button.checkVisibility());
  const isOver = wasThere && !next && !phone.call && !phone.after;
  if (isFree) (isOver ? document.getElementById(rangBy) : next)?.focus();
  if (next && isFree) wasThere = true;
  else if (isOver || !isFree) rangBy = "";
}

function say(text) {
  told = text;
  draw();
}

/** Waits until the phone is online, for some seconds at most. */
async function online() {
  for (let waited = 0; phone.status !== "online" && waited < 5000; waited += 100) {
    await new Promise((done) => setTimeout(done, 100));
  }
  return phone.status === "online";
}

function ring(button) {
  told = "";
  [rangBy, wasThere] = [button.id, false];
  phone.gesture("ring", { caller }).then((problem) => problem && say(problem));
  place.scrollIntoView({ block: "nearest" });
}

async function pushAndRing(form) {
  const button = form.querySelector("button");
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  try {
    if (!(await online())) throw new Error(`The phone is ${STATUS[phone.status]}.`);
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.headers.get("content-type")?.startsWith("application/json"))
      throw new Error("Reload the page and try again.");
    const { said, good } = await answer.json();
    if (!good) throw new Error(said);
    ring(button);
  } catch (error) {
    say(error.message);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-first-push]")) return;
  event.preventDefault();
  pushAndRing(event.target);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-first-ring]");
  if (button) ring(button);
});
phone.listen(device);
take.addEventListener("click", () => {
  told = "";
  if (phone.status === "gone") make();
  else phone.gesture("sign_in").then((problem) => problem && say(problem));
});
phone.addEventListener("change", () => requestAnimationFrame(draw));
setInterval(draw, 500);

/** Makes the handset if the emulator has none of this number (after a reset). */
async function make() {
  try {
    const all = await ask("GET", "handsets");
    if (!all.some((one) => one.phone_number === number)) await ask("POST", "handsets", { phone_number: number });
  } catch (error) {
    say(`The phone cannot be reached: ${error.message}`);
  }
}

make().then(() => phone.start());
draw();
