/* What is wrong with a field is said beside it, as the server says what it refuses, and its form is not sent: a file
   over its limit (data-largest, in bytes) or changed since it was chosen, and what the browser cannot read, which it
   would send as an empty field. */
const READ_AS = { date: "date", "datetime-local": "date and time", time: "time" };

function unread(field) {
  if (!field.validity.badInput) return "";
  const read = `Enter a complete, valid ${READ_AS[field.type] ?? field.type}`;
  return field.required ? `${read}.` : `${read}, or clear the field.`;
}

function tooLarge(field) {
  const file = [...(field.files ?? [])].find((one) => one.size > Number(field.dataset.largest));
  return file ? `${file.name} is larger than ${field.dataset.largestText}. Choose a smaller file.` : "";
}

const lost = new WeakSet(); // files that the browser cannot send: they were saved again, moved or removed since
function changed(field) {
  const file = [...(field.files ?? [])].find((one) => lost.has(one));
  return file ? `${file.name} was changed or moved since you chose it. Choose it again.` : "";
}

/** Finds out which those are. To send one, the browser would leave the page for one of its own that says so. */
async function readEach(fields) {
  for (const file of fields.flatMap((field) => [...field.files])) {
    await file
      .slice(0, 1)
      .arrayBuffer()
      .catch(() => lost.add(file));
  }
}

const notes = new WeakMap(); // of fields that were marked here, each with its note
let marked = 0;
function noteOf(said) {
  const note = Object.assign(document.createElement("div"), {
    id: `unsent-${++marked}`,
    className: "invalid-feedback d-block",
    textContent: ` ${said}`,
  });
  note.setAttribute("role", "alert");
  const icon = document.querySelector("svg.icon[aria-hidden]")?.cloneNode(true);
  if (icon) {
    const use = icon.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#alert-circle"));
    note.prepend(icon);
  }
  return note;
}

/** Says it beside the field, or below the day or filters that it is one of; no text takes back what was said here. */
function mark(field, said) {
  const old = notes.get(field);
  if (said === (old?.textContent.trim() ?? "")) return;
  old?.remove();
  field.classList.toggle("is-invalid", Boolean(said));
  if (!said) {
    notes.delete(field);
    field.removeAttribute("aria-invalid");
    if (document.getElementById(`${field.id}-hint`)) field.setAttribute("aria-describedby", `${field.id}-hint`);
    else field.removeAttribute("aria-describedby");
    return;
  }
  document.getElementById(`${field.id}-error`)?.remove(); // the server's, of what the field held before
  const note = noteOf(said);
  notes.set(field, note);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", note.id);
  (field.closest("[data-day], form[role=search]")?.lastElementChild ?? field).after(note);
}

function isRight(field) {
  const said = unread(field) || tooLarge(field) || changed(field);
  mark(field, said);
  return !said;
}

/* A file that is chosen again is no change to the browser: it says "cancel". */
for (const kind of ["input", "change", "cancel", "focusout"]) {
  document.addEventListener(kind, ({ target }) => {
    if (notes.has(target) || (kind === "change" && target.dataset?.largest)) isRight(target);
  });
}
const areRead = new WeakSet(); // forms that are sent next, with their files as they were chosen
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!form.matches("form[method=post]")) return;
  const fields = [...form.querySelectorAll("input")];
  const wrong = fields.find((field) => !isRight(field));
  const withFiles = fields.filter((field) => field.files?.length);
  const isRead = areRead.delete(form);
  if (wrong) {
    event.preventDefault();
    wrong.focus();
  } else if (withFiles.length && !isRead) {
    event.preventDefault();
    readEach(withFiles).then(() => {
      areRead.add(form);
      form.requestSubmit(submitter);
    });
  }
});

/* The filters of a list have no button: htmx checks them before it asks, and asks for nothing while one is not read. */
document.addEventListener("invalid", (event) => isRight(event.target) || event.preventDefault(), true);

/* Where no script does this, the browser checks a form with such a field. */
for (const form of document.querySelectorAll("form[method=post]")) form.noValidate = true;
