/* The picture of the phone beside the form follows the chosen label. */

const labels = document.getElementById("label");
const avatar = document.querySelector("[data-phone-logo]");

function show() {
  const logo = labels.selectedOptions[0]?.dataset.logo ?? "";
  if (logo) avatar.src = logo;
  avatar.hidden = !logo;
  document.querySelector("[data-phone-nobody]")?.toggleAttribute("hidden", Boolean(logo));
}

if (labels && avatar) {
  labels.addEventListener("input", show);
  show();
}
