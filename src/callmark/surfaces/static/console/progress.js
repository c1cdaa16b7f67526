/* Long work (sse.py): a bar follows its stream. At the end the parts of the page that tell of the work (data-refreshed,
   with the address of a page that has them) are fetched and put in, and whatever is typed beside them stays. */
const AGAIN_AFTER_MS = 2000;
const LONGEST_WAIT_MS = 60000;
const ofPage = JSON.parse(document.body.getAttribute("hx-headers")); // names the account that an operator acted for
const live = document.getElementById("cs-live");

/** The page at that address. Null where the session acts for another account by now: this page's banner says so. */
async function look(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html", "X-Callmark-Poll": "yes", ...ofPage } });
  if (answer.status === 404) location.assign(address); // what the page is about has gone, as a number that is delisted
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (answer.status !== 409) return page;
  document.getElementById("acting")?.replaceWith(page.getElementById("acting"));
  return null;
}

/** The parts as that page has them, in their places. The keyboard stays where it is. */
function refresh(page) {
  const parts = [];
  for (const old of document.querySelectorAll("[data-refreshed]")) {
    const made = page.getElementById(old.id);
    if (!made) continue;
    const focused = document.activeElement;
    const was = old.contains(focused);
    old.replaceWith(made);
    if (was) refocus(made, focused);
    made.dispatchEvent(new Event("refreshed", { bubbles: true }));
    parts.push(made);
  }
  return parts;
}

function refocus(part, before) {
  const same = [...part.querySelectorAll(before.localName)].find((one) => one.isEqualNode(before));
  if (!same) part.tabIndex = -1;
  (same ?? part).focus({ preventScroll: true });
}

/** Follows the stream of a box, and at its end those of the new parts. */
class Follower {
  #box;
  #source = null;
  #timer = 0;
  #wait = AGAIN_AFTER_MS;
  #misses = 0;
  #turn = () => (document.hidden ? this.#close() : this.#open());

  constructor(box) {
    this.#box = box;
  }

  start() {
    // A browser opens six connections to one site for all its tabs, so one that nobody sees lets its stream go.
    document.addEventListener("visibilitychange", this.#turn);
    if (!document.hidden) this.#open();
  }

  #stop() {
    this.#close();
    document.removeEventListener("visibilitychange", this.#turn);
  }

  #open() {
    this.#close();
    if (!this.#box.isConnected) {
      this.#stop();
      return;
    }
    const source = new EventSource(this.#box.dataset.progress);
    this.#source = source;
    source.addEventListener("open", () => this.#note("updated"));
    source.addEventListener("progress", (event) => this.#show(JSON.parse(event.data)));
    // The browser itself connects again after a break, but never after an answer other than 200.
    source.addEventListener("error", () => {
      this.#misses += 1;
      if (this.#misses > 1) this.#note("outdated");
      if (this.#source?.readyState === EventSource.CLOSED) this.#lost();
    });
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  /** Says on the page whether it is as the platform has it (console.js). */
  #note(state) {
    if (state === "updated") this.#misses = 0;
    this.#box.closest("[data-refreshed]")?.dispatchEvent(new Event(state, { bubbles: true }));
  }

  #again() {
    this.#close();
    if (!document.hidden) this.#timer = setTimeout(() => this.#open(), this.#wait * (0.5 + Math.random()));
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_MS);
  }

  async #lost() {
    this.#close();
    const page = await this.#now();
    if (page === undefined) this.#note("outdated");
    if (page === null) this.#stop();
    else this.#again();
  }

  #show({ done, total, text, finished }) {
    const box = this.#box;
    if (!box.isConnected) {
      this.#open();
      return;
    }
    this.#note("updated");
    const bar = box.querySelector("progress");
    bar.max = total || 1;
    bar.value = done;
    box.querySelector("[data-progress-count]").textContent =
      `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    if (text) box.querySelector("[data-progress-text]").textContent = text;
    if (finished) this.#end();
    else this.#wait = AGAIN_AFTER_MS;
  }

  async #end() {
    this.#close();
    const page = await this.#now();
    if (page === undefined) this.#note("outdated");
    const parts = page ? refresh(page) : [];
    if (this.#box.isConnected && page !== null) this.#again();
    else this.#stop();
    for (const part of parts) followAll(part);
    if (parts.length && !document.querySelector("[data-progress]")) live.textContent = "Done";
  }

  /** The page as it is now; undefined where it cannot be read. */
  #now() {
    return look(this.#box.closest("[data-refreshed]").dataset.refreshed).catch(() => undefined);
  }
}

function followAll(root) {
  for (const box of root.querySelectorAll("[data-progress]")) new Follower(box).start();
}
followAll(document);
