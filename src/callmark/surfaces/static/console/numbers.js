/* Lists of numbers: choosing rows, and regions by their names. */

const boxes = () => [...document.querySelectorAll("[data-choose] tbody input[type=checkbox]")];

function tell() {
  const all = document.querySelector("[data-choose-all]");
  if (!all) return;
  const every = boxes();
  const chosen = every.filter((box) => box.checked).length;
  all.hidden = false;
  all.checked = chosen > 0 && chosen === every.length;
  all.indeterminate = chosen > 0 && chosen < every.length;
  document.querySelector("[data-chosen]").textContent = chosen ? `${chosen} selected` : "With selected:";
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  if (event.target.closest("[data-choose]")) tell();
});
document.addEventListener("htmx:afterSettle", tell);
addEventListener("pageshow", tell);
tell();

const regions = document.querySelector("select#region");
if (regions && Intl.DisplayNames) {
  const names = new Intl.DisplayNames("en", { type: "region" });
  const options = [...regions.options].slice(1);
  for (const option of options) option.text = option.text.replace(option.value, names.of(option.value));
  regions.append(...options.sort((a, b) => a.text.localeCompare(b.text)));
}
