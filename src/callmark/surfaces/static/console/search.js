/* Searches while one types: one search is one step back. What an input method composes is searched once it rests: a
   syllable on its way is no search, but keyboards of phones compose Latin words too, up to the next space. */
const TEXTS = "[type=search], [type=text], [type=tel]";
const RESTS_MS = 400; // beside the delay of the request that was given up
let typed = null; // the text field that the newest step in the history is of
let resting = 0; // the timer of what is composed

function searchFor(field) {
  clearTimeout(resting);
  if (field.closest("[hx-trigger]")) field.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  const field = detail.requestConfig.triggeringEvent?.target;
  const isSame = detail.history.path === location.pathname + location.search; // Enter, behind what was typed
  if (isSame || (typed && field === typed)) detail.history.type = "replace";
  if (!isSame) typed = field?.matches?.(TEXTS) ? field : null;
});
document.addEventListener("focusout", () => {
  typed = null;
});

document.addEventListener("input", () => clearTimeout(resting));
document.addEventListener("htmx:configRequest", (event) => {
  const { isComposing, target } = event.detail.triggeringEvent ?? {};
  if (!isComposing) return;
  event.preventDefault();
  clearTimeout(resting);
  resting = setTimeout(() => searchFor(target), RESTS_MS);
});
document.addEventListener("compositionend", ({ target }) => searchFor(target));

/* Enter in a form's field that finds what is chosen below it: the form's own button would save. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("[data-finds]")) return;
  event.preventDefault();
  event.target.nextElementSibling.click();
});
