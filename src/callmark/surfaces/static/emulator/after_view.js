// Draws what may be said after a call into the device (templates/device.html), and sends what its forms hold.
import { readable, setText } from "./device.js";

const SLOT_MS = 30 * 60 * 1000;
const LONGEST_ANSWER = 1000;
const RATINGS = ["1", "2", "3", "4", "5"];

export class AfterView {
  #root;
  #phone;
  #drawn = "";
  #error = "";
  #isSending = false;

  constructor(root, phone) {
    this.#root = root;
    this.#phone = phone;
    this.#part("callback").addEventListener("submit", (event) => this.#askBack(event));
    this.#part("not-interested").addEventListener("click", () => this.#notInterested());
    this.#part("feedback").addEventListener("submit", (event) => this.#answer(event));
    for (const skip of root.querySelectorAll("[data-skip]")) {
      skip.addEventListener("click", () => this.#say("skip", { step: phone.after?.step }));
    }
  }

  draw() {
    const { after } = this.#phone;
    this.#part("after").hidden = !after;
    if (!after) {
      this.#drawn = "";
      return;
    }
    const key = `${after.call.id} ${after.step}`;
    if (key !== this.#drawn) {
      this.#drawn = key;
      this.#error = "";
      this.#build(after);
    }
    setText(this.#part("after-error"), this.#error);
    this.#part("after-error").hidden = !this.#error;
    for (const button of this.#part("after").querySelectorAll("button")) button.disabled = this.#isSending;
  }

  #build(after) {
    const { step, call } = after;
    const who = call.screen.name ?? readable(call.caller);
    const rang = call.outcome === "missed" ? "Missed call" : "Call";
    const titles = { callback: `${rang} from ${who}`, feedback: who, thanks: "Thank you" };
    setText(this.#part("after-title"), titles[step]);
    setText(this.#part("after-thanks"), after.thanks);
    this.#part("after-thanks").hidden = !after.thanks;
    for (const name of ["callback", "feedback", "thanks"]) this.#part(name).hidden = name !== step;
    if (step === "callback") this.#buildCallback(after);
    else if (step === "feedback") this.#part("questions").replaceChildren(...after.questions.map(question));
    this.#part("after").scrollTop = 0;
  }

  #buildCallback({ slots, slot_picker: picker }) {
    this.#part("callback").reset();
    const days = grouped(slots);
    this.#part("slots").replaceChildren(...[...days].map(([day, of], at) => dayOfSlots(day, of, at === 0)));
    this.#part("slots-box").hidden = !picker;
    this.#part("slots-none").hidden = !picker || slots.length > 0;
    this.#part("ask-back").hidden = picker && !slots.length;
  }

  #askBack(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    this.#say("call_me_back", {
      slot: form.get("slot"),
      sim_unknown: form.has("sim"),
      alternate_number: form.get("alternate").trim(),
    });
  }

  #notInterested() {
    const form = new FormData(this.#part("callback"));
    this.#say("call_me_back", { interested: false, sim_unknown: form.has("sim") });
  }

  #answer(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const answers = this.#phone.after.questions.map((one) => ({ question_id: one.id, answer: form.get(one.id) ?? "" }));
    this.#say("feedback", { answers });
  }

  async #say(act, said) {
    if (this.#isSending || !this.#phone.after) return;
    this.#isSending = true;
    this.#error = "";
    this.draw();
    this.#error = await this.#phone.gesture(act, { call: this.#phone.after.call.id, ...said });
    this.#isSending = false;
    this.draw();
  }

  #part(name) {
    return this.#root.querySelector(`[data-${name}]`);
  }
}

const dayOf = (slot) => slot.slice(0, 10);
const timeOf = (slot) => slot.slice(11, 16);

function grouped(slots) {
  const days = new Map();
  for (const slot of slots) days.set(dayOf(slot), [...(days.get(dayOf(slot)) ?? []), slot]);
  return days;
}

const dayName = (day) =>
  new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }).format(
    Date.parse(`${day}T00:00:00Z`),
  );

/** A slot's beginning and end as clocks in its own zone show them. */
function range(slot) {
  const end = new Date(Date.parse(`1970-01-01T${timeOf(slot)}Z`) + SLOT_MS).toISOString();
  return `${timeOf(slot)}–${timeOf(end)}`;
}

function dayOfSlots(day, slots, open) {
  const box = element("details", "cm-day");
  box.open = open;
  const chips = element("div", "cm-chips");
  chips.append(...slots.map((slot) => choice("slot", slot, range(slot), "cm-chip")));
  box.append(element("summary", "", dayName(day)), chips);
  return box;
}

function question(asked) {
  const box = element(asked.kind === "text" ? "label" : "fieldset", "cm-question");
  box.append(element(asked.kind === "text" ? "span" : "legend", "cm-asked", asked.text));
  if (asked.kind === "rating") box.append(stars(asked.id));
  else if (asked.kind === "text") box.append(freeText(asked.id));
  else box.append(...asked.options.map((option) => choice(asked.id, option, option, "cm-option")));
  return box;
}

function freeText(name) {
  const field = element("textarea", "form-control");
  Object.assign(field, { name, rows: 3, maxLength: LONGEST_ANSWER });
  return field;
}

function stars(name) {
  const row = element("div", "cm-stars");
  row.append(...RATINGS.map((rating) => choice(name, rating, "★", "cm-star", `${rating} of 5`)));
  row.addEventListener("change", (event) => {
    for (const [at, star] of [...row.children].entries())
      star.classList.toggle("cm-lit", at < Number(event.target.value));
  });
  return row;
}

function choice(name, value, text, kind, label = "") {
  const box = element("label", kind);
  const input = element("input", "cm-hidden-input");
  Object.assign(input, { type: "radio", name, value });
  if (label) input.setAttribute("aria-label", label);
  const shown = element("span", "", text);
  shown.dir = "auto";
  box.append(input, shown);
  return box;
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) {
    made.textContent = text;
    made.dir = "auto";
  }
  return made;
}
