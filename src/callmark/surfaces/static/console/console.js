/* What every page of the console can do. Everything works without it, by plain links and forms. */

const live = document.getElementById("cs-live");
const say = (text) => {
  live.textContent = "";
  requestAnimationFrame(() => {
    live.textContent = text;
  });
};

/* Copy buttons. */
async function isCopied(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = button.dataset.copy;
    area.className = "visually-hidden";
    button.after(area); // inside of what would close when the keyboard leaves it
    area.select();
    const done = document.execCommand("copy");
    button.focus();
    area.remove();
    return done;
  }
}

async function copy(button) {
  if (!(await isCopied(button))) {
    showToCopy(button);
    return;
  }
  button.dataset.copied = "";
  say("Copied");
  setTimeout(() => delete button.dataset.copied, 1500);
}

function save(button) {
  const url = URL.createObjectURL(new Blob([button.dataset.text], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: button.dataset.save });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/* A page that asks before something is lost, as a dialog over this one. */
const dialog = document.getElementById("cs-dialog");
const ofPage = JSON.parse(document.body.getAttribute("hx-headers")); // names the account that an operator acted for

const openerOf = (one) => one.closest("details.cs-menu")?.querySelector("summary") ?? one;
function showDialog(content, opener) {
  dialog.querySelector("[data-dialog-body]").replaceChildren(content);
  dialog.addEventListener("close", () => opener.focus(), { once: true });
  dialog.showModal();
}

/* Counts what was asked, and what was done since: an answer that comes later than that is not shown. */
let turn = 0;
async function ask(link) {
  turn += 1;
  const mine = turn;
  const opener = openerOf(link);
  opener.setAttribute("aria-busy", "true");
  const asked = await fetch(link.href, { headers: { Accept: "text/html", ...ofPage } })
    .then((answer) => answer.text())
    .then((text) => new DOMParser().parseFromString(text, "text/html").querySelector("[data-ask] form"))
    .catch(() => null);
  opener.removeAttribute("aria-busy");
  if (mine !== turn) return;
  if (!asked) {
    location.assign(link.href);
    return;
  }
  asked.querySelector("[data-ask-title]").id = "cs-dialog-title";
  showDialog(asked, opener);
  asked.querySelector("[data-ask-back]").focus();
}
document.addEventListener("input", () => {
  turn += 1;
});

/* What the browser would not copy, to be copied by hand. */
function showToCopy(button) {
  const shown = document.getElementById("cs-to-copy").content.cloneNode(true);
  const text = shown.querySelector("textarea");
  text.value = button.dataset.copy;
  showDialog(shown, openerOf(button));
  text.select();
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-save], [data-asks], [data-ask-back]");
  for (const menu of document.querySelectorAll("details.cs-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  turn += 1;
  if (!target) return;
  if (target.dataset.copy !== undefined) copy(target);
  else if (target.dataset.save !== undefined) save(target);
  else if (target.dataset.askBack !== undefined && dialog.open) {
    event.preventDefault();
    dialog.close();
  } else if (target.dataset.asks !== undefined && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    target.closest("details.cs-menu")?.removeAttribute("open");
    ask(target);
  }
});

document.documentElement.dataset.scripts = ""; // shows what only they can do

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.cs-menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
  }
});

document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const menu = target.closest("details.cs-menu[open]");
  if (relatedTarget && menu && !menu.contains(relatedTarget)) menu.open = false;
});

/* A form is sent once, until something in it changes or a while has passed: no event says that somebody stopped it. */
const SENT_MS = 10_000;
const sent = new WeakMap(); // forms that wait for their answer, each with its timer
function release(form) {
  clearTimeout(sent.get(form));
  sent.delete(form);
  form.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[method=post]:not([data-again])") || event.defaultPrevented) return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  sent.set(form, setTimeout(release, SENT_MS, form));
  form.querySelectorAll("button:not([type=button])").forEach((button) => button.setAttribute("aria-disabled", "true"));
});
for (const kind of ["input", "change"]) {
  document.addEventListener(kind, ({ target }) => {
    if (sent.has(target.form)) release(target.form);
  });
}
addEventListener("pagehide", () => {
  for (const secret of document.querySelectorAll("[data-shown-once]")) secret.replaceChildren();
});
addEventListener("pageshow", (event) => {
  // Back to a page that the browser kept: it shows no secret again, and what it says was stored may be no longer so.
  if (event.persisted && document.querySelector("[data-shown-once], form[data-sent] [name=shown]")) {
    location.reload();
    return;
  }
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    release(form);
  });
});

/* Fields with a limit: code points left, as the server counts them. */
const length = (text) => [...text.trim()].length;
function count(field) {
  const most = Number(field.dataset.longest);
  let note = field.parentElement.querySelector("[data-count]");
  if (!note) {
    note = document.createElement("small");
    note.dataset.count = "";
    note.className = "form-hint cs-count";
    note.setAttribute("aria-hidden", "true");
    field.after(note);
  }
  note.textContent = `${length(field.value)} / ${most}`;
  note.classList.toggle("text-danger", length(field.value) > most);
}
document.querySelectorAll("[data-longest]").forEach(count);

/* A preview follows its fields: data-shows names the part of the phone. */
function show(field) {
  const part = document.querySelector(`[data-phone-${field.dataset.shows}]`);
  if (!part) return;
  if (field.type === "file") {
    const file = field.files[0];
    part.hidden = !file;
    if (file) part.src = URL.createObjectURL(file);
    document.querySelector("[data-phone-nobody]")?.toggleAttribute("hidden", Boolean(file));
    return;
  }
  const text = field.selectedOptions
    ? (field.selectedOptions[0]?.dataset.shown ?? field.selectedOptions[0]?.text ?? "")
    : field.value;
  part.textContent = text;
  part.hidden = !text && field.dataset.shows === "reason";
}

/* What somebody typed before the scripts were there, or the browser brought back, is looked for once. */
function isChanged(field) {
  if (field.localName !== "select") return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  const chosen = [...field.options].findIndex((option) => option.defaultSelected);
  return field.selectedIndex !== Math.max(chosen, 0);
}
for (const field of document.querySelectorAll("[data-shows]")) if (isChanged(field)) show(field);

document.addEventListener("input", (event) => {
  if (event.target.dataset.longest) count(event.target);
  if (event.target.dataset.shows) show(event.target);
});

/* The sign-in tells the browser's time zone, which is kept the first time. */
document.querySelectorAll("[data-browser-zone]").forEach((field) => {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
});

/* The first field that was refused gets the focus. */
document.querySelector("[aria-invalid=true]")?.focus();

/* Light and dark without reloading the page. */
document.querySelectorAll("[data-theme-form]").forEach((form) => {
  const set = () => {
    const dark = document.documentElement.dataset.bsTheme === "dark";
    form.elements.theme.value = dark ? "light" : "dark";
    form.querySelector("[data-theme-label]").textContent = dark ? "Light mode" : "Dark mode";
  };
  set();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form));
    document.documentElement.dataset.bsTheme = form.elements.theme.value;
    fetch(form.action, { method: "POST", body, redirect: "manual", keepalive: true }); // also when one leaves
    set();
  });
});

/* Exact times instead of "3 hours ago", on all pages of this tab. */
document.querySelectorAll("[data-exact-times]").forEach((button) => {
  const root = document.documentElement;
  const set = () => {
    button.textContent = root.dataset.times === "exact" ? "Show times as “3 hours ago”" : "Show exact times";
  };
  button.hidden = false;
  set();
  button.addEventListener("click", () => {
    if (root.dataset.times === "exact") delete root.dataset.times;
    else root.dataset.times = "exact";
    set();
    try {
      sessionStorage.setItem("times", root.dataset.times ?? "");
    } catch {
      // The browser keeps nothing for this site: it is so on this page alone.
    }
  });
});

/* A table that is wider than its card scrolls: by the keyboard too. */
const reach = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
function reachable(root) {
  for (const box of root.querySelectorAll(".table-responsive")) reach.observe(box);
}
reachable(document);
document.addEventListener("htmx:load", (event) => reachable(event.target));
document.addEventListener("refreshed", (event) => reachable(event.target)); // by progress.js

/* A search, or a form with a preview, is asked for what was typed before htmx was there. */
document.addEventListener("htmx:load", ({ target }) => {
  if (target !== document.body) return;
  for (const field of document.querySelectorAll("form[hx-trigger] :is(input:not([type=hidden]), select, textarea)")) {
    if (!isChanged(field)) continue;
    for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
  }
});

/* What a search found is said to those who do not see the list change. */
document.addEventListener("htmx:afterSettle", ({ target, detail }) => {
  if (target.id !== "results" || !detail.requestConfig?.elt.matches("form[role=search]")) return;
  const rows = target.querySelectorAll("tbody > tr").length;
  say(rows ? `${rows} shown` : (target.querySelector(".empty-title")?.textContent ?? "None shown"));
});

/* What somebody asked for and did not get is said where it would stand, so that no old list passes for the answer. */
function setBusy({ type, detail }) {
  const { requestConfig, target } = detail;
  if (target.id !== "results" || !requestConfig.triggeringEvent) return;
  target.setAttribute("aria-busy", type === "htmx:beforeRequest");
}
document.addEventListener("htmx:beforeRequest", setBusy);
document.addEventListener("htmx:afterRequest", setBusy);

/* The builder's form comes back as a whole: what was typed into it meanwhile would be lost. */
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target.id === "editor") detail.target.inert = true;
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.target.id !== "editor") return;
  detail.target.inert = false;
  if (!detail.successful) detail.requestConfig.elt.focus();
});

function missed({ target: asker, detail }) {
  if (!detail.requestConfig.triggeringEvent) {
    outdated(detail.requestConfig.elt);
    return;
  }
  const isList = asker.matches("form[role=search]");
  const note = document.createElement("div");
  note.className = "alert alert-danger cs-missed";
  note.setAttribute("role", "alert");
  note.append(
    Object.assign(document.createElement("span"), {
      textContent: isList ? "The list could not be loaded." : "The page could not be updated. Try again.",
    }),
  );
  if (isList) {
    const again = Object.assign(document.createElement("button"), {
      className: "btn btn-sm",
      textContent: "Try again",
    });
    again.addEventListener("click", () => asker.requestSubmit());
    note.append(again);
    detail.target.replaceChildren(note);
  } else {
    detail.target.querySelector(":scope > .cs-missed")?.remove();
    detail.target.prepend(note);
  }
}
for (const kind of ["responseError", "sendError", "timeout"]) document.addEventListener(`htmx:${kind}`, missed);

/* A part that the page asks for again and again looks the same when nothing comes: it says since when. */
const opened = new Date();
const updated = new Map();
function onThisPage(instant) {
  const zone = document.querySelector("[data-zone-of-page]")?.dataset.zoneOfPage;
  const style = { dateStyle: "medium", timeStyle: "medium" };
  try {
    return instant.toLocaleString("en-GB", { ...style, timeZone: zone });
  } catch {
    return instant.toLocaleString("en-GB", style); // the browser does not know the zone
  }
}
function outdated(part) {
  if (!part.isConnected || isAtRest(part) || part.querySelector(":scope > .cs-outdated")) return;
  const note = document.createElement(part.localName === "ol" ? "li" : "span");
  note.className = "alert alert-warning cs-outdated";
  note.textContent = `Not updated since ${onThisPage(updated.get(part.id) ?? opened)}.`;
  part.prepend(note);
  say(note.textContent);
}
function renewed(part) {
  updated.set(part.id, new Date());
  part.querySelector(":scope > .cs-outdated")?.remove();
}
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const { elt, triggeringEvent, isLeft } = detail.requestConfig;
  if (detail.successful && !isLeft) renewed(triggeringEvent ? detail.target : elt);
});
document.addEventListener("outdated", (event) => outdated(event.target)); // by progress.js, as the next
document.addEventListener("updated", (event) => renewed(event.target));

/* What a page asks again and again is marked, because nobody has used the session by that. It rests while nobody looks,
   while text in it is selected, and while the keyboard is inside, unless htmx can put it back: it does so by ids. A
   list whose rows have buttons (`data-rests`) rests under the pointer too: no row moves away from it. It is asked for
   still, to say what it does not show (requests.js). An answer on its way by then is left. A list that was missed waits
   until somebody asks again: it would bring the one of before. */
function isUsed(part) {
  const [focused, selection] = [document.activeElement, getSelection()];
  const isSelected = !selection.isCollapsed && selection.containsNode(part, true);
  return isSelected || (part.contains(focused) && !focused.id) || part.matches("[data-rests]:hover");
}
const isAtRest = (part) => part.matches("[data-rests]") && isUsed(part);
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, headers, triggeringEvent } = event.detail;
  if (triggeringEvent) return;
  if (document.hidden || (isUsed(elt) && !isAtRest(elt)) || elt.querySelector(":scope > .cs-missed"))
    event.preventDefault();
  else headers["X-Callmark-Poll"] = "yes";
});

/* What somebody has opened or closed stays so when its part is replaced: by ids too. */
let folds = [];
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.requestConfig.triggeringEvent && isUsed(detail.target)) {
    detail.shouldSwap = false;
    detail.requestConfig.isLeft = true;
    if (isAtRest(detail.target)) document.dispatchEvent(new CustomEvent("left", { detail: detail.serverResponse }));
  }
  folds = [...detail.target.querySelectorAll("details[id]")].map(({ id, open }) => ({ id, open }));
});
document.addEventListener("htmx:afterSwap", () => {
  for (const { id, open } of folds) document.getElementById(id)?.toggleAttribute("open", open);
});
