// A virtual handset as its page knows it: what it shows comes by events, what a person does goes to it as gestures.
// Fires "change" whenever something that shows has changed.
import { ask } from "./api.js";
import { ProductClock } from "./clock.js";
import { Feed } from "./feed.js";

export class Phone extends EventTarget {
  clock = new ProductClock();
  handset = null;
  status = "connecting";
  reason = "";
  #feed;

  constructor(number) {
    super();
    this.number = number;
    this.#feed = new Feed(`/emulator/live/${number}`, {
      clock: (now) => this.clock.set(now),
      handset: ({ glimpse, ...more }) => this.#become(glimpse.status, more.reason, { ...glimpse, ...more }),
      gone: (reason) => this.#become("gone", reason, null),
      away: (reason) => this.#become("away", reason, this.handset),
      broken: () => this.#become("reconnecting", "", this.handset),
    });
  }

  get call() {
    return this.handset?.call ?? null;
  }

  get after() {
    return this.handset?.after ?? null;
  }

  get history() {
    return this.handset?.history ?? [];
  }

  start() {
    this.#feed.start();
  }

  /** Does something with the handset: what the person must correct first, empty when it is done. */
  async gesture(act, more = {}) {
    try {
      return (await ask("POST", `/emulator/live/${this.number}`, { act, ...more })).problem ?? "";
    } catch (error) {
      return `This could not be sent: ${error.message}.`;
    }
  }

  /** The buttons of the call that is on the screen. */
  listen(device) {
    for (const [button, act] of Object.entries({ answer: "answer", reject: "reject", "hang-up": "hang_up" })) {
      device.querySelector(`[data-${button}]`).addEventListener("click", () => this.touch(act));
    }
  }

  touch(act) {
    if (this.call) this.gesture(act, { call: this.call.id });
  }

  #become(status, reason, handset) {
    Object.assign(this, { status, reason, handset });
    this.dispatchEvent(new Event("change"));
  }
}
