// The hours editor: Monday's hours for the whole working week. Everything else is a plain form.
const form = document.getElementById("configuration");
const button = form?.querySelector("[data-copy-monday]");

function times(day) {
  return [...form.querySelectorAll(`[data-day="${day}"] input`)];
}

function copyMonday() {
  const monday = times(0);
  for (const day of [1, 2, 3, 4]) {
    const box = form.querySelector(`[data-day="${day}"] .an-openings`);
    while (times(day).length < monday.length) box.append(box.lastElementChild.cloneNode(true));
    times(day).forEach((field, at) => {
      field.value = monday[at]?.value ?? "";
    });
  }
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

if (button) {
  button.hidden = false;
  button.addEventListener("click", copyMonday);
}
