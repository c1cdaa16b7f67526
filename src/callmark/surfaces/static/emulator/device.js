// Draws a handset's device (templates/device.html): status bar, home screen, call screen.
import { clockTime, countdown, longDate } from "./clock.js";

export const STATUS = {
  connecting: "connecting…",
  online: "connected",
  offline: "offline",
  sleeping: "sleeping",
  reconnecting: "reconnecting…",
  unregistered: "no app",
  "signed-out": "signed out",
  taken: "open elsewhere",
  gone: "gone",
  away: "reconnecting…",
};

const OUTCOMES = { answered: "Answered", missed: "Missed call", rejected: "Rejected" };

const LANDLINE = /^(91)(11|2[02]|33|4[04]|79(?=[1-6])|80(?=[2-46]))(\d{4})(\d{4})$/;
const MOBILE = /^(91)([6-9]\d{4})(\d{5})$/;

/** A mobile number of India, or one of its largest cities, as the console writes it: +91 80 4000 1234. */
export function readable(number) {
  const parts = LANDLINE.exec(number) ?? MOBILE.exec(number);
  return `+${parts ? parts.slice(1).join(" ") : number}`;
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** Draws `view`: { number, zone, now, status, call, after, history } into a device. */
export function drawDevice(root, view) {
  const part = (name) => root.querySelector(`[data-${name}]`);
  for (const time of root.querySelectorAll("[data-time]")) setText(time, clockTime(view.now, view.zone));
  setText(part("date"), longDate(view.now, view.zone));
  setText(part("status"), STATUS[view.status]);
  setText(part("own-number"), readable(view.number));
  root.dataset.status = view.status;
  root.dataset.callState = view.call ? stateOf(view.call) : "";
  part("home").hidden = Boolean(view.call || view.after);
  part("call").hidden = !view.call;
  if (view.call) drawCall(part, view);
  drawRecents(part("recents"), view);
}

const stateOf = (call) => call.outcome ?? "ringing";

function drawCall(part, { call, now }) {
  const { screen } = call;
  const state = stateOf(call);
  const seconds = countdown(now - (call.ended ?? now));
  setText(part("call-state"), state === "ringing" ? "Incoming call" : state === "answered" ? seconds : OUTCOMES[state]);
  setText(part("name"), screen.name ?? readable(call.caller));
  setText(part("number"), screen.name ? readable(call.caller) : "Not identified");
  part("verified").hidden = !screen.verified;
  setText(part("reason"), screen.call_reason ?? "");
  part("reason").hidden = !screen.call_reason;
  setText(part("why"), screen.name ? "" : `Nothing is shown: ${screen.why}`);
  part("why").hidden = Boolean(screen.name);
  drawLogo(part("logo"), part("nobody"), screen.logo_url);
  const nameLength = (screen.name ?? "").length;
  part("name").classList.toggle("cm-name-long", nameLength > 22);
  part("call").classList.toggle("cm-dense", nameLength + (screen.call_reason ?? "").length > 100);
  part("ring-actions").hidden = state !== "ringing";
  part("talk-actions").hidden = state !== "answered";
}

function drawLogo(logo, nobody, url) {
  logo.hidden = !url;
  nobody.toggleAttribute("hidden", Boolean(url)); // an SVG element has no property for it
  if (url && logo.getAttribute("src") !== url) logo.src = url;
}

function drawRecents(list, { history, zone }) {
  if (!list) return;
  const key =
    history
      .slice(0, 3)
      .map((one) => `${one.id}`)
      .join() + zone;
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...history.slice(0, 3).map((one) => recent(one, zone)));
}

function recent(one, zone) {
  const item = document.createElement("li");
  item.dataset.outcome = one.outcome;
  const name = document.createElement("bdi");
  name.textContent = one.screen.name ?? readable(one.caller);
  const time = document.createElement("time");
  time.textContent = clockTime(one.began, zone);
  item.append(name, time);
  return item;
}
