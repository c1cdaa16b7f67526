// A virtual handset: gateway client, memory and calls. Fires "change" whenever something that shows has changed.
import { AfterCall, firstSlot } from "./after.js";
import { pause } from "./backoff.js";
import { ProductClock } from "./clock.js";
import { Held } from "./held.js";
import { Line } from "./line.js";
import { NO_OFFERS, nothing, screenOf, uuid } from "./screen.js";
import { load, save } from "./store.js";
import { GatewayStream } from "./stream.js";

const MOST_HELD_PER_SYNC = 200;
const MOST_HISTORY = 50;
const MOST_REPORTS = 200;
const RINGS_OUT_MS = 20000;
const TRY_AGAIN = new Set(["service-unavailable", "internal-server-error"]);
const OFFERS_WITHIN_MS = 1500;
const SIGNED_OUT = { 4401: "its registration has ended", 4410: "its number was registered on another device" };

export class Phone extends EventTarget {
  clock = new ProductClock();
  handset = null;
  call = null;
  after = null;
  status = "connecting";
  reason = "";
  #stream;
  #line;
  #kept;
  #pushes = 0;
  #syncing = false;
  #synced = false;
  #timer = 0;

  constructor(number) {
    super();
    this.number = number;
    this.#kept = load(number);
    this.held = new Held(this.#kept.held);
    this.#stream = new GatewayStream({
      opened: (welcome) => this.#welcomed(welcome),
      frame: (frame) => this.#frame(frame),
      broken: () => this.#broken(),
      ended: (code, reason) => this.#ended(code, reason),
    });
    this.#line = new Line(number, {
      message: (message) => this.#told(message),
      broken: () => this.#broken(),
      ended: (reason, gone) => this.#lineEnded(reason, gone),
    });
  }

  get history() {
    return this.#kept.history;
  }

  get connected() {
    return this.#synced && this.#stream.open;
  }

  /** Takes the handset over from the farm, or from another tab. */
  start() {
    this.#line.take();
  }

  signInAgain() {
    this.#line.send({ type: "register" });
    this.#set("connecting");
  }

  stop() {
    this.#line.leave();
    this.#stream.close();
  }

  // the emulator's line -----------------------------------------------------------------------------------------------

  #told(message) {
    this.clock.set(message.now);
    if (message.type === "opened" || message.type === "handset") this.#become(message);
    else if (message.type === "look") this.#lookFor(message);
    else if (message.type === "ring") this.ring(message.caller, message);
    else if (message.type === "end" && this.call?.question === message.id) this.#finish(message.outcome);
    this.#changed();
  }

  async #become({ handset, id }) {
    const { token, ...rest } = handset;
    if (JSON.stringify(this.handset?.script) !== JSON.stringify(rest.script)) this.#pushes = 0;
    this.handset = rest;
    if (token) this.#ownedBy(token.slice(-8));
    if (!token || !rest.registered) {
      this.#stream.close();
      this.#set("unregistered");
    } else if (rest.online) {
      const waiting = this.status === "reconnecting" ? "reconnecting" : "connecting";
      this.#stream.connect(token);
      this.#set(this.connected ? "online" : waiting);
    } else {
      this.#synced = false;
      this.#stream.close();
      this.#set("offline");
    }
    this.#tellState();
    if (id) this.#line.send({ type: "became", id, connected: await this.#asOnlineAsItShouldBe() });
  }

  async #asOnlineAsItShouldBe() {
    for (let waited = 0; this.handset.online && !this.connected && waited < 2500; waited += 50) await pause(50);
    return this.connected;
  }

  /** Another registration is another installation of the app: it holds nothing. */
  #ownedBy(registration) {
    if (this.#kept.registration === registration) return;
    if (this.#kept.registration) this.held.clear();
    this.#kept.registration = registration;
    this.#kept.reports = [];
    this.#keep();
  }

  #lineEnded(reason, gone) {
    this.#stream.close();
    this.#synced = false;
    this.#set(gone ? "gone" : "taken", reason);
  }

  async #lookFor({ id, caller }) {
    this.#line.send({ type: "screen", id, screen: (await this.look(caller)).screen });
  }

  #tellState() {
    this.#line.send({ type: "state", connected: this.connected, held: this.held.size, refused: this.held.refused });
  }

  // the gateway's stream ----------------------------------------------------------------------------------------------

  #welcomed(welcome) {
    this.clock.set(welcome.now);
    this.#sync();
  }

  #frame(frame) {
    if (frame.type === "identity") this.#pushed(frame);
    else if (frame.type === "withdraw" && this.held.withdraw(frame.record.id) && !this.#syncing) {
      this.#catchUp().catch(() => {}); // a stream that ends begins another one, and that one syncs
    }
    this.#keep();
    this.#tellState();
    this.#changed();
  }

  async #pushed(identity) {
    if (!this.#syncing && !this.held.has(identity.id) && this.#loses()) return;
    this.clock.isPast(identity.accepted_at / 1000);
    if (!this.held.hold(identity, this.clock.now())) return;
    const delay = this.handset.script.ack_delay_s ?? 0;
    if (delay) await pause(delay * 1000);
    this.#stream.send({ type: "ack", id: this.#stream.newId("a"), record: identity.record });
  }

  #loses() {
    this.#pushes += 1;
    const { drop_every: every = 0, drop_share: share = 0 } = this.handset.script;
    return (every > 0 && this.#pushes % every === 0) || Math.random() < share;
  }

  async #catchUp() {
    this.#syncing = true;
    this.held.dropEnded(this.clock.now());
    for (const held of this.held.pages(MOST_HELD_PER_SYNC)) {
      let cursor = null;
      do cursor = (await this.#stream.ask({ type: "sync", id: this.#stream.newId("s"), held, cursor })).cursor;
      while (cursor !== null);
    }
    this.#syncing = false;
  }

  async #sync() {
    try {
      await this.#catchUp();
    } catch {
      if (this.#stream.open) {
        await pause(1000);
        this.#sync();
      }
      return; // a stream that ended begins another one, and that one syncs
    }
    this.#synced = true;
    this.#set("online");
    this.#tellState();
    for (const report of this.#kept.reports) this.#deliver(report);
  }

  #broken() {
    this.#synced = false;
    if (this.status !== "taken" && this.handset?.online !== false) this.#set("reconnecting");
    this.#tellState();
  }

  #ended(code, reason) {
    this.#synced = false;
    if (code === 4409) {
      if (this.#line.open) this.#set("taken", "another tab now uses this handset");
      else this.#set("reconnecting");
    } else if (SIGNED_OUT[code]) {
      if (code === 4410) this.held.clear();
      this.#line.send({ type: "lost", code });
      this.#set("signed-out", SIGNED_OUT[code]);
    } else {
      this.#set("signed-out", reason);
    }
    this.#keep();
    this.#tellState();
  }

  // calls -------------------------------------------------------------------------------------------------------------

  /** What would show if `caller` rang now, and what would be offered after the call. */
  async look(caller) {
    const { identity, screen, offers } = await this.#see(caller);
    return { identity, screen: { ...screen, offers: await offers } };
  }

  /** What shows: from what it holds, else from the gateway when it is online. `offers` may still be on their way. */
  async #see(caller) {
    const now = this.clock.now();
    if (!this.handset.registered || this.status === "unregistered") {
      return nothing(`${this.number} is not registered, so no app on it can receive pushes`);
    }
    const held = this.held.showing(caller, now);
    if (held) {
      const why = `call record ${held.id} is this caller's newest record on the handset with an open window`;
      return { identity: held, screen: screenOf(held, "call_record", why), offers: this.#offers(caller) };
    }
    if (!this.handset.online) return nothing(`the handset is offline and ${this.held.whyNothing(caller, now)}`);
    return this.#resolve(caller);
  }

  async #resolve(caller) {
    try {
      const { identity, source, why, offers } = await this.#askWho(caller, 2000);
      return { identity, screen: screenOf(identity, source, why), offers };
    } catch (error) {
      return nothing(`the handset has no record of this caller, and the gateway does not answer: ${error.message}`);
    }
  }

  #askWho(caller, withinMs) {
    const { time_zone: zone } = this.handset;
    const frame = { type: "resolve", id: this.#stream.newId("r"), caller_number: caller, time_zone: zone };
    const late = pause(withinMs).then(() => Promise.reject(new Error("no answer")));
    return Promise.race([this.#stream.ask(frame), late]);
  }

  /** What a held record does not say: the offers of its caller; none when the gateway cannot be asked now. */
  async #offers(caller) {
    if (!this.connected) return NO_OFFERS;
    const answer = await this.#askWho(caller, OFFERS_WITHIN_MS).catch(() => ({ offers: NO_OFFERS }));
    return answer.offers;
  }

  /** Rings. A call of the emulator's (`script`) ends as that says; the page's own waits for the user. */
  async ring(caller, script = null) {
    const { identity, screen, offers } = await this.#see(caller);
    const call = {
      id: uuid(),
      caller,
      identity,
      screen,
      state: "ringing",
      began: this.clock.now(),
      question: script?.id ?? null,
    };
    if (this.call) this.#finish("missed"); // the newer call takes the screen
    this.call = call;
    this.after = null;
    call.shown = identity ? this.#report(call, "shown") : Promise.resolve();
    if (!script) this.#timer = setTimeout(() => this.call === call && this.#finish("missed"), RINGS_OUT_MS);
    this.#changed();
    call.screen = { ...screen, offers: await offers };
    if (script) this.#line.send({ type: "screen", id: script.id, screen: call.screen });
  }

  answer() {
    if (this.call?.state === "ringing") this.#finish("answered");
  }

  reject() {
    if (this.call?.state === "ringing") this.#finish("rejected");
  }

  hangUp() {
    this.#clear(this.call, 0);
  }

  async #finish(outcome) {
    const call = this.call;
    if (call?.state !== "ringing") return;
    clearTimeout(this.#timer);
    Object.assign(call, { state: outcome, ended: this.clock.now() });
    this.#kept.history.unshift({ at: call.began, caller: call.caller, outcome, ...call.screen, offers: undefined });
    this.#kept.history.splice(MOST_HISTORY);
    if (outcome !== "answered") this.#clear(call, 1500);
    else if (call.question) this.#clear(call, 2500);
    this.#changed();
    call.reported =
      this.status === "unregistered" ? Promise.resolve() : call.shown.then(() => this.#report(call, outcome));
    await Promise.race([call.reported.then(() => this.#askBackByScript(call)), pause(2000)]);
    if (call.question) this.#line.send({ type: "ended", id: call.question, outcome });
  }

  #clear(call, afterMs) {
    setTimeout(() => {
      if (this.call === call) {
        this.call = null;
        if (this.connected) this.#setAfter(new AfterCall(call, (frame) => this.#sayOf(call, frame), uuid));
      }
      this.#changed();
    }, afterMs);
  }

  /** Runs what sends something of `after`; the screen follows before and when it is done. */
  async sayAfter(work) {
    const { after } = this;
    const done = work();
    this.#changed();
    await done;
    if (this.after === after) this.#changed();
  }

  skipAfter() {
    this.after?.skip();
    this.#setAfter(this.after);
    this.#changed();
  }

  #setAfter(after) {
    this.after = after?.step ? after : null;
  }

  async #sayOf(call, frame) {
    await call.reported;
    return this.#stream.ask({ id: this.#stream.newId("b"), ...frame });
  }

  async #askBackByScript(call) {
    const frame = call.state === "missed" && this.handset.script.call_me_back ? firstSlot(call, uuid) : null;
    if (!frame) return;
    call.askedBack = true;
    await this.#sayOf(call, frame).catch(() => (call.askedBack = false));
  }

  #report(call, event) {
    const source = call.screen.source;
    const frame = {
      type: "call",
      id: this.#stream.newId("c") + Math.random().toString(36).slice(2, 8),
      call_id: call.id,
      caller_number: call.caller,
      event,
      source,
      record: source === "call_record" ? call.identity.record : null,
    };
    this.#kept.reports.push(frame);
    this.#kept.reports.splice(0, this.#kept.reports.length - MOST_REPORTS);
    this.#keep();
    return this.#deliver(frame);
  }

  /** A report stays kept until it is received, or refused for good. */
  async #deliver(frame) {
    if (!this.connected) return;
    try {
      await this.#stream.ask(frame);
    } catch (error) {
      if (!error.slug || TRY_AGAIN.has(error.slug)) {
        if (error.slug) setTimeout(() => this.#deliver(frame), 1000);
        return;
      }
    }
    this.#kept.reports = this.#kept.reports.filter((one) => one.id !== frame.id);
    this.#keep();
  }

  #keep() {
    this.#kept.held = this.held.list();
    save(this.number, this.#kept);
  }

  #set(status, reason = "") {
    this.status = status;
    this.reason = reason;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
