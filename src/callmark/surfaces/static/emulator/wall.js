// The wall: every handset as a small device, from the emulator's events about them.
import { ProductClock } from "./clock.js";
import { drawDevice, setText } from "./device.js";
import { Feed } from "./feed.js";

const clock = new ProductClock();
const grid = document.querySelector("[data-wall]");
const template = document.querySelector("[data-wall-phone]");
const cards = new Map();

const feed = new Feed("/emulator/live", {
  clock: (now) => clock.set(now),
  handsets: (handsets) => {
    live(true);
    take(handsets);
  },
  away: () => live(false),
  broken: () => live(false),
});

function live(is) {
  const state = document.querySelector("[data-state]");
  setText(state, is ? "live" : "reconnecting…");
  state.dataset.state = is ? "online" : "reconnecting";
}

function take(handsets) {
  const numbers = new Set(handsets.map((one) => one.phone_number));
  for (const [number, card] of cards) {
    if (numbers.has(number)) continue;
    card.root.remove();
    cards.delete(number);
  }
  for (const one of handsets) (cards.get(one.phone_number) ?? made(one)).handset = one;
  draw();
}

function made(one) {
  const root = template.content.firstElementChild.cloneNode(true);
  root.querySelector("a").href = `/emulator/handsets/${one.phone_number}`;
  root.querySelector("a").setAttribute("aria-label", `Open the handset ${one.phone_number}`);
  const card = { root, handset: one };
  cards.set(one.phone_number, card);
  grid.append(root);
  return card;
}

function describe(one) {
  const words = [];
  if (one.os === "ios") words.push("iOS");
  if (one.app_version !== "4.2.0") words.push(`app ${one.app_version}`);
  for (const [name, value] of Object.entries(one.script)) words.push(`${name} ${JSON.stringify(value)}`);
  const { held, refused } = one.memory;
  const records = held === 1 ? "1 record" : `${held} records`;
  words.push(refused ? `holds ${records}, was too full for ${refused}` : `holds ${records}`);
  if (one.is_watched) words.push("open in a tab");
  return words.join(" · ");
}

function draw() {
  for (const { root, handset } of cards.values()) {
    const { phone_number: number, time_zone: zone, status, call, history } = handset;
    drawDevice(root.querySelector("[data-device]"), { number, zone, now: clock.now(), status, call, history });
    setText(root.querySelector("[data-about]"), describe(handset));
  }
}

setInterval(draw, 500);
feed.start();
