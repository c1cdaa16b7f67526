// Shows /openapi.json in the viewer. The windows of the example records are moved to the present, so that "Try it out"
// sends something that can still be pushed.
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

  const say = (text) => {
    const line = document.createElement("p");
    line.className = "cr-wait";
    line.setAttribute("role", "alert");
    line.textContent = text;
    document.getElementById("reference").replaceChildren(line);
  };

  fetch("/openapi.json")
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`it answered ${answer.status}`))))
    .then((spec) => {
      SwaggerUIBundle({
        spec: withPresentExamples(spec),
        dom_id: "#reference",
        deepLinking: true,
        docExpansion: "list",
        defaultModelsExpandDepth: 0,
        defaultModelExpandDepth: 4,
        displayRequestDuration: true,
        persistAuthorization: false,
        syntaxHighlight: { activated: true },
        tryItOutEnabled: true,
        validatorUrl: null,
      });
    })
    .catch((error) => say(`/openapi.json could not be read: ${error.message}`));
})();
