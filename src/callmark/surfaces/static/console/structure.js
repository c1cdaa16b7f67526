/* The tree of the structure remembers what is open while one works on it. */

const KEY = "structure";
const nodes = [...document.querySelectorAll("details[data-node]")];
const known = remembered();

/** What is open, by node; nothing where the browser keeps nothing for this site, or something else. */
function remembered() {
  try {
    return { ...JSON.parse(sessionStorage.getItem(KEY)) };
  } catch {
    return {};
  }
}

function remember() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(known));
  } catch {
    // It is known until the page is left.
  }
}

for (const node of nodes) {
  const id = node.dataset.node;
  if (id in known) node.open = known[id];
  node.addEventListener("toggle", () => {
    known[id] = node.open;
    remember();
  });
}

/* The address may name a node: it is shown, whatever is closed. */
const named = document.getElementById(location.hash.slice(1));
for (let above = named?.closest("details"); above; above = above.parentElement.closest("details")) above.open = true;
named?.scrollIntoView({ block: "center" });

const tools = document.querySelector("[data-tree-tools]");
if (tools) {
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const wanted = event.target.closest("[data-expand]")?.dataset.expand;
    if (wanted) for (const node of nodes) node.open = wanted === "all";
  });
}
