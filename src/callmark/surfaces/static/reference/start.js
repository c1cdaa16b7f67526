// Shows the document that the page names in the viewer. The windows of the example records are moved to the present,
// so that "Try it out" sends something that can still be pushed.
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
  for (const operations of Object.values(spec.paths)) {
    for (const operation of Object.values(operations)) {
      const content = operation.requestBody?.content?.["application/json"];
      for (const example of Object.values(content?.examples ?? {})) example.value = present(example.value);
    }
  }
  return spec;
}

// The viewer follows all references of the document before it knows the ways to sign in, and these have none. So it
// follows them when an operation is opened: the list is there seconds earlier.
function withSchemesAtOnce() {
  const requestResolvedSubtree = (request, system) => (path) =>
    path.join() === "components,securitySchemes"
      ? system.specActions.updateResolvedSubtree(path, system.specSelectors.specJS().components.securitySchemes)
      : request(path);
  return { statePlugins: { spec: { wrapActions: { requestResolvedSubtree } } } };
}

// What the viewer leaves out: names of its fields, headings in their order, and one control inside another.
function mend() {
  viewer.querySelectorAll("select:not([aria-label])").forEach((one) => {
    one.setAttribute(
      "aria-label",
      one.id === "servers" ? "Server" : (one.closest("[data-param-name]")?.dataset.paramName ?? "Choice"),
    );
  });
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
    plugins: [withSchemesAtOnce],
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
