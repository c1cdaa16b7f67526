// What a caller-ID app does with the gateway, on any platform. The phone calls it: at boot, for a message of the
// push service, for a call. On a real phone `held` and `reports` are in its database, because the system ends the app.
import { randomUUID } from "node:crypto";
import { Refused } from "./gateway.js";

const MOST_AT_ONCE = 200;
const STAYS_MS = 5000;
const REGISTERED_ELSEWHERE = 4410;

export class HandsetApp {
  held = new Map();
  reports = [];
  #aheadMs = 0;

  constructor(gateway, timeZone = "UTC") {
    this.gateway = gateway;
    this.timeZone = timeZone;
  }

  /** The time by which windows are judged: the server's. */
  now() {
    return Date.now() + this.#aheadMs;
  }

  /** After the app was registered again: by the new token it gets what it lacks and sends what has waited. */
  async registered(gateway) {
    this.gateway = gateway;
    await this.catchUp();
  }

  // after boot, after a lost connection, for each wake-up -------------------------------------------------------------

  /** Gets what it lacks and says that it holds it; then sends the reports that nobody has received. */
  async catchUp() {
    for (const [id, one] of this.held) if (one.record.ends_at <= this.now()) this.held.delete(id);
    const ids = [...this.held.keys()];
    for (let from = 0; from === 0 || from < ids.length; from += MOST_AT_ONCE) {
      let cursor = null;
      do cursor = await this.#page(ids.slice(from, from + MOST_AT_ONCE), cursor);
      while (cursor);
    }
    await this.flush();
  }

  async #page(held, cursor) {
    const page = await this.gateway.sync(held, cursor);
    this.#aheadMs = page.now - Date.now();
    for (const record of page.withdrawn) this.held.delete(record.id);
    for (const identity of page.identities) this.hold(identity);
    if (page.identities.length) await this.gateway.ack(page.identities.map((one) => one.record));
    return page.cursor;
  }

  hold(identity) {
    this.held.set(identity.record.id, identity);
  }

  /** The push service has woken the app. It stays for some seconds: more may come. */
  async wake(staysMs = STAYS_MS) {
    if (typeof WebSocket === "function") return this.#listen(staysMs);
    for (const end = Date.now() + staysMs; Date.now() < end; ) {
      await this.catchUp();
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  /** As `catchUp`, on a stream: the push that woke the app is answered at once. */
  #listen(staysMs) {
    return new Promise((resolve) => {
      const stream = this.gateway.stream();
      let frames = 0;
      let held = []; // the ids that a run of `sync` names, the same in each of its frames
      let timer = null;
      const send = (type, more) => stream.send(JSON.stringify({ type, id: `f${++frames}`, ...more }));
      const stayOn = () => {
        clearTimeout(timer);
        timer = setTimeout(() => stream.close(), staysMs);
      };
      stream.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type === "welcome") {
          this.#aheadMs = frame.now - Date.now();
          held = [...this.held.keys()].slice(0, MOST_AT_ONCE);
          send("sync", { held });
        } else if (frame.type === "identity") {
          this.hold(frame);
          send("ack", { record: frame.record });
        } else if (frame.type === "withdraw") {
          this.held.delete(frame.record.id);
        } else if (frame.type === "synced" && frame.cursor) {
          send("sync", { held, cursor: frame.cursor });
        }
        stayOn();
      });
      stream.addEventListener("close", ({ code }) => {
        clearTimeout(timer);
        if (code === REGISTERED_ELSEWHERE) this.held.clear();
        resolve(this.flush());
      });
    });
  }

  // a call ------------------------------------------------------------------------------------------------------------

  /** What to show for a caller, at once where it is held; `identity` is null for the bare number. */
  async ring(callerNumber) {
    const held = this.#heldFor(callerNumber);
    const call = { id: randomUUID(), callerNumber, identity: held, source: held ? "call_record" : "none", offers: {} };
    call.asked = this.#ask(call);
    if (!held) await call.asked;
    if (call.identity) this.#report(call, "shown");
    return call;
  }

  /** Who calls, if that is not known yet, and what may be offered after the call. */
  async #ask(call) {
    try {
      const { identity, source, offers } = await this.gateway.resolve(call.callerNumber, this.timeZone);
      call.offers = offers;
      if (!call.identity) Object.assign(call, { identity, source });
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // no answer in time: the phone rings on with what there is
    }
  }

  /** Of the records whose window is open, the newest; of one batch the later one. */
  #heldFor(callerNumber) {
    const now = this.now();
    const open = [...this.held.values()].filter(
      (one) => one.caller_number === callerNumber && one.starts_at <= now && now < one.record.ends_at,
    );
    return open.sort((a, b) => b.accepted_at - a.accepted_at || b.position - a.position)[0] ?? null;
  }

  /** The call has ended: `answered`, `missed` or `rejected`. */
  async ended(call, outcome) {
    this.#report(call, outcome);
    await this.flush();
  }

  #report({ id, callerNumber, identity, source }, event) {
    const record = source === "call_record" ? identity.record : null;
    this.reports.push({ call_id: id, caller_number: callerNumber, event, source, record });
  }

  /** Sends what is to be reported, in order; what cannot be sent now, or by this token, stays for the next time. */
  async flush() {
    while (this.reports.length) {
      const report = this.reports[0];
      try {
        await this.gateway.call(report);
      } catch (error) {
        if (!(error instanceof Refused) || error.isPassing || error.isSignedOut) return;
      }
      if (this.reports[0] === report) this.reports.shift();
    }
  }

  /** The receiver wants to be called back by who has called in vain, in the first slot that is offered. */
  async callMeBack(call) {
    await call.asked;
    const slot = call.offers.slots?.[0] ?? null;
    await this.gateway.callMeBack({ request_id: call.id, business_number: call.callerNumber, interested: true, slot });
  }
}
