/* The menu, also as a drawer on narrow screens. Without scripts it opens and closes as the target of links. */

const menu = document.getElementById("menu");
const behind = document.querySelectorAll(".cs-wrapper, .cs-skip");
const opener = document.querySelector("[data-drawer-open]");
const narrow = matchMedia("(max-width: 61.98rem)");

function open() {
  menu.dataset.open = "";
  for (const one of behind) one.inert = true;
  menu.querySelector("[data-drawer-close]").focus();
}

function close() {
  if (menu.dataset.open === undefined) return;
  delete menu.dataset.open;
  for (const one of behind) one.inert = false;
  opener.focus();
}

/** Scrolls the menu alone, so that the entry of this page is seen with those around it. */
function showHere() {
  const list = menu.querySelector(".cs-nav");
  const here = list.querySelector("[aria-current]")?.getBoundingClientRect();
  const seen = list.getBoundingClientRect();
  if (here && here.bottom > seen.bottom - here.height) list.scrollTop += here.top - seen.top - seen.height / 2;
}

showHere();
opener.addEventListener("click", (event) => {
  event.preventDefault();
  open();
});
for (const link of document.querySelectorAll("[data-drawer-close]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    close();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && !menu.querySelector("details[open]")) close();
});
narrow.addEventListener("change", () => {
  if (!narrow.matches) close();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) close();
});
if (location.hash === "#menu") {
  location.replace("#"); // a replaced address alone leaves the menu the target, and open
  history.replaceState(null, "", location.pathname + location.search);
  if (narrow.matches) open();
}
