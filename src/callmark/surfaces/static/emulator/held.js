// What a handset holds and which of it shows: docs/gateway.md, "Which record shows". Instants in epoch milliseconds.
const MOST = 1000;

export class Held {
  #byId;

  constructor(identities = []) {
    this.#byId = new Map(identities.map((one) => [one.id, one]));
  }

  get size() {
    return this.#byId.size;
  }

  has(id) {
    return this.#byId.has(id);
  }

  /** Keeps an identity; false when there is no room even without ended ones. */
  hold(identity, now) {
    if (this.#byId.size >= MOST && !this.#byId.has(identity.id)) {
      this.dropEnded(now);
      if (this.#byId.size >= MOST) return false;
    }
    this.#byId.set(identity.id, identity);
    return true;
  }

  drop(id) {
    this.#byId.delete(id);
  }

  dropEnded(now) {
    for (const [id, one] of this.#byId) if (one.record.ends_at <= now) this.#byId.delete(id);
  }

  clear() {
    this.#byId.clear();
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
    return this.list().find(
      (one) => one.caller_number === caller && one.starts_at <= now && now < one.record.ends_at,
    );
  }

  /** Why none shows, to be read after "the handset is offline and ". */
  whyNothing(caller, now) {
    const own = this.list().filter((one) => one.caller_number === caller);
    const coming = own.filter((one) => one.starts_at > now).sort((a, b) => a.starts_at - b.starts_at)[0];
    if (coming) {
      return `the window of call record ${coming.id}, which it holds, opens at ${new Date(coming.starts_at).toISOString()}`;
    }
    const ended = own.sort((a, b) => b.record.ends_at - a.record.ends_at)[0];
    if (ended) {
      return `the window of call record ${ended.id}, which it holds, ended at ${new Date(ended.record.ends_at).toISOString()}`;
    }
    return "holds nothing for this caller";
  }
}

function compare(a, b) {
  return a.accepted_at - b.accepted_at || a.position - b.position || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
