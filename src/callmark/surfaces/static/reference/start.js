// Shows the document that the page names in the viewer. The windows of the example records are moved to the present,
// so that "Execute" sends something that can still be pushed.
const HOUR = 3600000;
const now = Date.now();
const viewer = document.getElementById("reference");
const REGIONS = {
  ".information-container": "About",
  ".scheme-container": "Server and credentials",
  "section.models": "Schemas",
};

function present(value) {
  if (Array.isArray(value)) return value.map(present);
  if (value === null || typeof value !== "object") return value;
  const moved = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, present(one)]));
  if (typeof moved.starts_at === "number" && typeof moved.ends_at === "number") {
    moved.starts_at = now;
    moved.ends_at = now + HOUR;
  }
  return moved;
}

function withPresentExamples(spec) {
  for (const operation of Object.values(spec.paths).flatMap(Object.values)) {
    const content = operation.requestBody?.content?.["application/json"];
    for (const example of Object.values(content?.examples ?? {})) example.value = present(example.value);
    for (const parameter of operation.parameters ?? []) {
      if (!parameter.required) leaveEmpty(parameter);
    }
  }
  return spec;
}

// The viewer sends the example of every parameter. One that may be left out stays empty: nobody wishes for the key of a
// request that was sent before.
function leaveEmpty(parameter) {
  if (parameter.example === undefined) return;
  parameter.description = `${parameter.description ?? ""} For example \`${parameter.example}\`.`;
  delete parameter.example;
}

// What is at a path of the document, with what its references name in their place. One that is inside of itself stays.
function resolved(spec, path) {
  const named = (part) => (typeof part?.$ref === "string" ? pointed(spec, part.$ref) : part);
  const filled = (value, outer) => {
    if (Array.isArray(value)) return value.map((one) => filled(one, outer));
    if (value === null || typeof value !== "object") return value;
    const { $ref, ...beside } = value;
    if (typeof $ref === "string") {
      if (outer.includes($ref)) return value;
      return { ...filled(pointed(spec, $ref), [...outer, $ref]), ...beside, $$ref: $ref };
    }
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(one, outer)]));
  };
  const found = path.reduce((part, key) => named(part)?.[key], spec);
  return filled(found, []);
}

function pointed(spec, reference) {
  const keys = reference.slice("#/".length).split("/");
  return keys.reduce((part, key) => part[key.replaceAll("~1", "/").replaceAll("~0", "~")], spec);
}

// The viewer follows all references of the document whenever it shows a part, which takes seconds. It gets the part.
function withPartsAtOnce(spec) {
  const requestResolvedSubtree = (_request, system) => (path) =>
    system.specActions.updateResolvedSubtree(path, resolved(spec, [...path]));
  return { statePlugins: { spec: { wrapActions: { requestResolvedSubtree } } } };
}

// What the viewer leaves out: names of its fields, headings in their order, tables as such and long examples that keys
// can scroll; and it puts one control inside another.
function mend() {
  viewer.querySelectorAll("select:not([aria-label])").forEach((one) => {
    one.setAttribute(
      "aria-label",
      one.id === "servers" ? "Server" : (one.closest("[data-param-name]")?.dataset.paramName ?? "Choice"),
    );
  });
  viewer.querySelectorAll("textarea.body-param__text:not([aria-label])").forEach((one) => {
    one.setAttribute("aria-label", "Request body");
  });
  viewer.querySelectorAll(".responses-table[role]").forEach((one) => one.removeAttribute("role"));
  viewer.querySelectorAll("pre.microlight:not([tabindex])").forEach((one) => one.setAttribute("tabindex", "0"));
  for (const [part, name] of Object.entries(REGIONS)) {
    viewer.querySelectorAll(`${part}:not([role])`).forEach((one) => {
      one.setAttribute("role", "region");
      one.setAttribute("aria-label", name);
    });
  }
  viewer.querySelectorAll("h3:not([aria-level])").forEach((one) => one.setAttribute("aria-level", "2"));
  viewer.querySelectorAll("h4:not([aria-level])").forEach((one) => {
    one.setAttribute("aria-level", one.closest(".opblock") ? "3" : "2");
  });
  viewer.querySelectorAll(".opblock-summary-control a[href]").forEach((one) => one.removeAttribute("href"));
}

function show(spec) {
  new MutationObserver(mend).observe(viewer, { childList: true, subtree: true });
  SwaggerUIBundle({
    spec: withPresentExamples(spec),
    dom_id: "#reference",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 4,
    displayRequestDuration: true,
    persistAuthorization: false,
    plugins: [withPartsAtOnce(spec)],
    syntaxHighlight: { activated: true },
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}

function say(text) {
  const line = document.createElement("p");
  line.setAttribute("role", "alert");
  line.textContent = text;
  const place = document.createElement("main");
  place.className = "cr-wait";
  place.append(line);
  viewer.replaceChildren(place);
}

const path = viewer.dataset.document;
fetch(path)
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`it answered ${answer.status}`))))
  .then(show)
  .catch((error) => say(`${path} could not be read: ${error.message}`));
