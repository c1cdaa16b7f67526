// Shows the document that the page names in the viewer. The windows of the example records are moved to the present,
// so that "Try it out" sends something that can still be pushed.
(() => {
  const HOUR = 3600000;
  const now = Date.now();

  const present = (value) => {
    if (Array.isArray(value)) return value.map(present);
    if (value === null || typeof value !== "object") return value;
    const moved = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, present(one)]));
    if (typeof moved.starts_at === "number" && typeof moved.ends_at === "number") {
      moved.starts_at = now;
      moved.ends_at = now + HOUR;
    }
    return moved;
  };

  const withPresentExamples = (spec) => {
    for (const operations of Object.values(spec.paths)) {
      for (const operation of Object.values(operations)) {
        const content = operation.requestBody?.content?.["application/json"];
        for (const example of Object.values(content?.examples ?? {})) example.value = present(example.value);
      }
    }
    return spec;
  };

  // The viewer follows all references of the document before it knows the ways to sign in, and these have none. So it
  // follows them when an operation is opened: the list is there seconds earlier.
  const withSchemesAtOnce = () => ({
    statePlugins: {
      spec: {
        wrapActions: {
          requestResolvedSubtree: (request, system) => (path) =>
            path.join() === "components,securitySchemes"
              ? system.specActions.updateResolvedSubtree(path, system.specSelectors.specJS().components.securitySchemes)
              : request(path),
        },
      },
    },
  });

  const REGIONS = {
    ".information-container": "About",
    ".scheme-container": "Server and credentials",
    "section.models": "Schemas",
  };

  // What the viewer leaves out: names of its fields, headings in their order, and one control inside another.
  const mend = () => {
    const page = document.getElementById("reference");
    page.querySelectorAll("select:not([aria-label])").forEach((one) => {
      one.setAttribute(
        "aria-label",
        one.id === "servers" ? "Server" : (one.closest("[data-param-name]")?.dataset.paramName ?? "Choice"),
      );
    });
    for (const [part, name] of Object.entries(REGIONS)) {
      page.querySelectorAll(`${part}:not([role])`).forEach((one) => {
        one.setAttribute("role", "region");
        one.setAttribute("aria-label", name);
      });
    }
    page.querySelectorAll("h3:not([aria-level])").forEach((one) => one.setAttribute("aria-level", "2"));
    page.querySelectorAll("h4:not([aria-level])").forEach((one) => {
      one.setAttribute("aria-level", one.closest(".opblock") ? "3" : "2");
    });
    page.querySelectorAll(".opblock-summary-control a[href]").forEach((one) => one.removeAttribute("href"));
  };

  const say = (text) => {
    const line = document.createElement("p");
    line.setAttribute("role", "alert");
    line.textContent = text;
    const place = document.createElement("main");
    place.className = "cr-wait";
    place.append(line);
    document.getElementById("reference").replaceChildren(place);
  };

  const path = document.getElementById("reference").dataset.document;

  fetch(path)
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`it answered ${answer.status}`))))
    .then((spec) => {
      new MutationObserver(mend).observe(document.getElementById("reference"), { childList: true, subtree: true });
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
    })
    .catch((error) => say(`${path} could not be read: ${error.message}`));
})();
