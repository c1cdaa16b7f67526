// The control API, from its own pages; what it refuses is said where the page has room for it.
const note = () => document.querySelector("[data-note]");

export async function ask(method, path, body) {
  const text = await askText(method, path, body === undefined ? undefined : JSON.stringify(body));
  return text ? JSON.parse(text) : null;
}

/** As `ask`, with JSON as it is written: a number of JavaScript has 53 bits. */
export async function askText(method, path, text) {
  const json = text === undefined ? {} : { body: text, headers: { "Content-Type": "application/json" } };
  const answer = await fetch(path.startsWith("/") ? path : `/emulator/v1/${path}`, { method, ...json });
  const came = await answer.text();
  if (answer.ok) return came;
  throw new Error((came ? JSON.parse(came) : null)?.message ?? `status ${answer.status}`);
}

/** Asks, and says what came of it in the page's note; undefined when it was refused. */
export function change(method, path, body, done = "") {
  return saying(() => ask(method, path, body), done);
}

/** What `asking` gives; says what came of it in the page's note. Undefined when it was refused. */
export async function saying(asking, done) {
  try {
    const came = await asking();
    say(done);
    return came;
  } catch (error) {
    say(error.message, true);
    return undefined;
  }
}

export function say(text, bad = false) {
  const place = note();
  if (!place) return;
  place.textContent = text;
  place.hidden = !text;
  place.classList.toggle("alert-danger", bad);
  place.classList.toggle("alert-success", !bad);
}
