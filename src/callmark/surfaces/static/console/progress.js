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
function follow(box) {
  let source = null;
  let timer = 0;
  let wait = AGAIN_AFTER_MS;

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const again = () => {
    close();
    if (!document.hidden) timer = setTimeout(open, wait * (0.5 + Math.random()));
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  };
  const turn = () => (document.hidden ? close() : open());
  const stop = () => {
    close();
    document.removeEventListener("visibilitychange", turn);
  };
  const now = () => look(box.closest("[data-refreshed]").dataset.refreshed).catch(() => undefined);

  function open() {
    close();
    if (!box.isConnected) {
      stop();
      return;
    }
    source = new EventSource(box.dataset.progress);
    source.addEventListener("progress", (event) => show(JSON.parse(event.data)));
    // The browser itself connects again after a break, but never after an answer other than 200.
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) lost();
    });
  }

  async function lost() {
    close();
    if ((await now()) === null) stop();
    else again();
  }

  function show({ done, total, text, finished }) {
    if (!box.isConnected) {
      open();
      return;
    }
    const bar = box.querySelector("progress");
    bar.max = total || 1;
    bar.value = done;
    box.querySelector("[data-progress-count]").textContent =
      `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    if (text) box.querySelector("[data-progress-text]").textContent = text;
    if (finished) end();
    else wait = AGAIN_AFTER_MS;
  }

  async function end() {
    close();
    const page = await now();
    const parts = page ? refresh(page) : [];
    if (box.isConnected && page !== null) again();
    else stop();
    for (const part of parts) followAll(part);
    if (parts.length && !document.querySelector("[data-progress]")) live.textContent = "Done";
  }

  // A browser opens six connections to one site for all its tabs, so one that nobody sees lets its stream go.
  document.addEventListener("visibilitychange", turn);
  if (!document.hidden) open();
}

function followAll(root) {
  for (const box of root.querySelectorAll("[data-progress]")) follow(box);
}
followAll(document);
