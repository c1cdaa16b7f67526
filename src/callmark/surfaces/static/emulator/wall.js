// The wall: every handset as a small device, from the emulator's feed of what they do.
import { address, Backoff } from "./backoff.js";
import { drawDevice, setText } from "./device.js";
import { ProductClock } from "./clock.js";
import { ask } from "./api.js";

const SHOWN_FOR_MS = 5000;
const clock = new ProductClock();
const grid = document.querySelector("[data-wall]");
const template = document.querySelector("[data-wall-phone]");
const backoff = new Backoff();
const cards = new Map();
let first = true;

function watch() {
  const socket = new WebSocket(address("/emulator/v1/watch"));
  socket.onmessage = (event) => {
    backoff.worked();
    live(true);
    take(JSON.parse(event.data));
    tellTime();
  };
  socket.onclose = () => {
    live(false);
    backoff.again(watch);
  };
}

function live(is) {
  const state = document.querySelector("[data-state]");
  setText(state, is ? "live" : "reconnecting…");
  state.dataset.state = is ? "online" : "reconnecting";
}

async function tellTime() {
  clock.set(Date.parse((await ask("GET", "clock")).now));
}

function take(handsets) {
  const numbers = new Set(handsets.map((one) => one.phone_number));
  for (const [number, card] of cards) {
    if (numbers.has(number)) continue;
    card.root.remove();
    cards.delete(number);
  }
  for (const one of handsets) update(one);
  first = false;
  draw();
}

function update(one) {
  const card = cards.get(one.phone_number) ?? made(one);
  const last = one.last_call;
  if (last && last.number !== card.lastCall) {
    card.lastCall = last.number;
    if (!first) {
      card.call = { caller: last.caller, screen: last.screen, state: "ringing", outcome: last.outcome };
      setTimeout(() => Object.assign(card.call, { state: last.outcome }), SHOWN_FOR_MS / 2);
      setTimeout(() => (card.call = null), SHOWN_FOR_MS);
    }
    card.history.unshift({ at: clock.now(), caller: last.caller, outcome: last.outcome, name: last.screen.name });
  }
  card.handset = one;
}

function made(one) {
  const root = template.content.firstElementChild.cloneNode(true);
  root.querySelector("a").href = `/emulator/handsets/${one.phone_number}`;
  root.querySelector("a").setAttribute("aria-label", `Open the handset ${one.phone_number}`);
  const card = { root, lastCall: 0, call: null, history: [], handset: one };
  cards.set(one.phone_number, card);
  grid.append(root);
  return card;
}

function statusOf(one) {
  if (!one.registered) return "unregistered";
  if (!one.online) return "offline";
  return one.connected ? "online" : "connecting";
}

function describe(one) {
  const words = [];
  if (one.os === "ios") words.push("iOS");
  if (one.app_version !== "4.2.0") words.push(`app ${one.app_version}`);
  for (const [name, value] of Object.entries(one.script)) words.push(`${name} ${JSON.stringify(value)}`);
  const { held, refused } = one.memory;
  words.push(refused ? `holds ${held}, was too full for ${refused}` : `holds ${held}`);
  if (one.by_page) words.push("open in a tab");
  return words.join(" · ");
}

function draw() {
  for (const { root, call, history, handset } of cards.values()) {
    const view = {
      number: handset.phone_number,
      zone: handset.time_zone,
      now: clock.now(),
      status: statusOf(handset),
      call,
      history,
    };
    drawDevice(root.querySelector("[data-device]"), view);
    setText(root.querySelector("[data-about]"), describe(handset));
  }
}

setInterval(draw, 500);
setInterval(tellTime, 5000);
watch();
