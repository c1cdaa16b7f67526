/* Pushing by hand: the preview follows the label. */
const labels = document.querySelector("[data-labels]");
const named = document.querySelector("#label_name");
const name = document.querySelector("[data-phone-name]");
const logo = document.querySelector("[data-phone-logo]");

function showLabel() {
  const chosen = labels.selectedOptions[0];
  if (logo) {
    logo.src = chosen.dataset.logo;
    logo.hidden = false;
  }
  if (name) name.textContent = named.value.trim() || chosen.text.replace(/ \(default\)$/, "");
}
if (labels && name) {
  labels.addEventListener("input", showLabel);
  named.addEventListener("input", () => requestAnimationFrame(showLabel));
}

for (const list of document.querySelectorAll("datalist[data-for]"))
  document.getElementById(list.dataset.for).setAttribute("list", list.id);
