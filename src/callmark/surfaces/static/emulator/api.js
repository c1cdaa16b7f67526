// The control API, from its own pages; what it refuses is said where the page has room for it.
const note = () => document.querySelector("[data-note]");

export async function ask(method, path, body) {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch(path.startsWith("/") ? path : `/emulator/v1/${path}`, { method, ...json });
  const text = await answer.text();
  const came = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(came?.message ?? `status ${answer.status}`);
  return came;
}

/** Asks, and says what came of it in the page's note; undefined when it was refused. */
export async function change(method, path, body, done = "") {
  try {
    const came = await ask(method, path, body);
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
