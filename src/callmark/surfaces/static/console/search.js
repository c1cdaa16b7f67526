/* Searches while one types: one search is one step back, and what an input method composes is no search yet. */
const TEXTS = "[type=search], [type=text], [type=tel]";
let typed = null; // the text field that the newest step in the history is of

document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  const field = detail.requestConfig.triggeringEvent?.target;
  const isSame = detail.history.path === location.pathname + location.search; // Enter, behind what was typed
  if (isSame || (typed && field === typed)) detail.history.type = "replace";
  if (!isSame) typed = field?.matches?.(TEXTS) ? field : null;
});
document.addEventListener("focusout", () => {
  typed = null;
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.triggeringEvent?.isComposing) event.preventDefault();
});
document.addEventListener("compositionend", ({ target }) => {
  if (target.closest("[hx-trigger]")) target.dispatchEvent(new Event("input", { bubbles: true }));
});
