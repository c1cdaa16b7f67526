// What a handset holds and which of it shows: docs/gateway.md, "Which record shows". Instants in epoch milliseconds.
export const MOST_HELD = 1000;

/** Memory without what can never show: held.py has the same rules. `refused` counts what found no room. */
export class Held {
  refused = 0;
  #byId;
  #superseding;

  constructor(identities = []) {
    this.#byId = new Map(identities.map((one) => [one.id, one]));
    this.#superseding = new Set(this.#byId.keys()); // what these dropped before is not known any more
  }

  get size() {
    return this.#byId.size;
  }

  has(id) {
    return this.#byId.has(id);
  }

  /** Takes an identity, and drops what it supersedes; false when there is no room for it. */
  hold(identity, now) {
    const ofCaller = [...this.#byId.values()].filter((one) => one.caller_number === identity.caller_number);
    const newer = ofCaller.find((one) => supersedes(one, identity, now));
    if (newer) {
      this.#supersede(newer, identity.id);
      return true;
    }
    for (const one of ofCaller) if (supersedes(identity, one, now)) this.#supersede(identity, one.id);
    if (!this.#byId.has(identity.id) && !this.#hasRoom(now)) {
      this.refused += 1;
      return false;
    }
    this.#byId.set(identity.id, identity);
    return true;
  }

  #supersede(newer, older) {
    this.drop(older);
    this.#superseding.add(newer.id);
  }

  #hasRoom(now) {
    if (this.#byId.size >= MOST_HELD) this.dropEnded(now);
    if (this.#byId.size >= MOST_HELD) this.#dropSuperseded(now);
    return this.#byId.size < MOST_HELD;
  }

  /** Removes what newer ones have come to supersede since they came: their windows have opened meanwhile. */
  #dropSuperseded(now) {
    const lasting = new Map(); // of those open now that which ends last, by caller; from the newest on
    for (const one of this.list()) {
      const newer = lasting.get(one.caller_number);
      if (newer && one.record.ends_at <= newer.record.ends_at) this.#supersede(newer, one.id);
      else if (one.starts_at <= now) lasting.set(one.caller_number, one);
    }
  }

  drop(id) {
    this.#byId.delete(id);
    this.#superseding.delete(id);
  }

  /** Removes a record; whether one that it had superseded, and that is not held, may show again. */
  withdraw(id) {
    const superseded = this.#superseding.has(id);
    this.drop(id);
    return superseded;
  }

  dropEnded(now) {
    for (const [id, one] of this.#byId) if (one.record.ends_at <= now) this.drop(id);
  }

  clear() {
    this.#byId.clear();
    this.#superseding.clear();
    this.refused = 0;
  }

  /** Newest accepted first. */
  list() {
    return [...this.#byId.values()].sort((a, b) => compare(b, a));
  }

  /** The ids in lists of at most `size`; one empty list when nothing is held. */
  pages(size) {
    const ids = [...this.#byId.keys()];
    const pages = [];
    do pages.push(ids.splice(0, size));
    while (ids.length);
    return pages;
  }

  showing(caller, now) {
    return this.list().find((one) => one.caller_number === caller && one.starts_at <= now && now < one.record.ends_at);
  }

  /** Why none shows, to be read after "the handset is offline and ". */
  whyNothing(caller, now) {
    const own = this.list().filter((one) => one.caller_number === caller);
    const coming = own.filter((one) => one.starts_at > now).sort((a, b) => a.starts_at - b.starts_at)[0];
    if (coming) return `the window of call record ${coming.id} on the handset opens at ${iso(coming.starts_at)}`;
    const ended = own.sort((a, b) => b.record.ends_at - a.record.ends_at)[0];
    if (ended) return `the window of call record ${ended.id} on the handset ended at ${iso(ended.record.ends_at)}`;
    return "has no record of this caller";
  }
}

function iso(milliseconds) {
  return new Date(milliseconds).toISOString();
}

/** Whether from now on `newer` shows whenever `older` could. */
function supersedes(newer, older, now) {
  return (
    compare(newer, older) > 0 &&
    newer.starts_at <= Math.max(older.starts_at, now) &&
    newer.record.ends_at >= older.record.ends_at
  );
}

function compare(a, b) {
  return a.accepted_at - b.accepted_at || a.position - b.position || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
