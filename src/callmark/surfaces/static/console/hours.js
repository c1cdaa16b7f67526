// The hours editor: Monday's hours for the whole working week. Everything else is a plain form.
const form = document.getElementById("configuration");
const button = form?.querySelector("[data-copy-monday]");

function times(day) {
  return [...form.querySelectorAll(`[data-day="${day}"] input`)];
}

/* A further opening, without what fields.js has said of the one that it is a copy of. */
function another(opening) {
  const made = opening.cloneNode(true);
  for (const field of made.querySelectorAll(".is-invalid")) {
    field.classList.remove("is-invalid");
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  return made;
}

function copyMonday() {
  const monday = times(0);
  for (const day of [1, 2, 3, 4]) {
    const box = form.querySelector(`[data-day="${day}"] .an-openings`);
    while (times(day).length < monday.length) box.append(another(box.lastElementChild));
    times(day).forEach((field, at) => {
      field.value = monday[at]?.value ?? "";
      field.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
}

if (button) {
  button.hidden = false;
  button.addEventListener("click", copyMonday);
}
