/* Ticks off the rules of a call reason while one types; the server decides. */
const FORBIDDEN = /[!@#$%^&*()_+/]/;
const EDGE = /^[.,\- ]|[.,\- ]$/;

for (const list of document.querySelectorAll("[data-reason-rules]")) {
  const field = list.parentElement.querySelector("[name=call_reason]");
  const check = () => {
    const text = field.value.trim();
    const length = [...text].length;
    const kept = { length: length >= 10 && length <= 100, characters: !FORBIDDEN.test(text), edges: !EDGE.test(text) };
    for (const rule of list.querySelectorAll("[data-rule]")) {
      if (text) rule.dataset.kept = kept[rule.dataset.rule] ? "yes" : "no";
      else delete rule.dataset.kept;
    }
  };
  field.addEventListener("input", check);
  check();
}
